#include "support/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "interp/interp.h"
#include "sim/sim.h"
#include "support/picture.h"

#define DATA "google-coral+test_data/"

const struct device_case device_cases[] = {
    {.model = "google-coral+project-bodypix/models/bodypix_mobilenet_v1_075_512_512_16_quant_decoder_edgetpu",
     .picture = "posenet/test_image.bmp",
     .numbers = "posenet/bodypix_mobilenet_v1_075_512_512_16_quant_decoder_edgetpu_reference.csv",
     .settled = true},
    {.model = DATA "posenet/posenet_mobilenet_v1_075_353_481_16_quant_decoder_edgetpu",
     .picture = "posenet/test_image.bmp",
     .numbers = "posenet/posenet_mobilenet_v1_075_353_481_16_quant_decoder_edgetpu_reference.csv",
     .note = "the resized picture of the recording is not known to the bit"},
    {.model = DATA "movenet_single_pose_lightning_ptq_edgetpu",
     .picture = "squat.bmp",
     .numbers = "movenet_single_pose_lightning_ptq_edgetpu_reference.csv",
     .note = "not comparable: the recorded scores are multiples of another step than this model's"},
    {.model = DATA "mobilenet_v1_0.25_128_quant_edgetpu",
     .picture = "cat.bmp",
     .label = 283,
     .score = 0.25,
     .settled = true},
    {.model = DATA "mobilenet_v1_0.5_160_quant_edgetpu",
     .picture = "cat.bmp",
     .label = 286,
     .score = 0.51,
     .settled = true},
    {.model = DATA "mobilenet_v1_0.75_192_quant_edgetpu",
     .picture = "cat.bmp",
     .label = 283,
     .score = 0.35,
     .settled = true},
    {.model = DATA "keras_lstm_mnist_ptq_edgetpu",
     .picture = "mnist_nine.bmp",
     .label = 9,
     .score = 0.7,
     .settled = true},
};
const unsigned device_case_count = sizeof device_cases / sizeof *device_cases;

enum { MAX_OUTPUTS = 32, KEYPOINTS = 17 };

/* "x_edgetpu_reference.csv" -> "x_reference.csv", "x_edgetpu" -> "x" */
static char *without_edgetpu(struct arena *a, const char *text)
{
    const char *at = strstr(text, "_edgetpu");
    for (const char *next; at && (next = strstr(at + 1, "_edgetpu"));)
        at = next;
    return at ? arena_text(a, "%.*s%s", (int)(at - text), text, at + strlen("_edgetpu")) : arena_text(a, "%s", text);
}

/* The picture in the size and number of channels of the model's only input. */
static bool input_of(struct arena *a, const char *path, const struct tfl_tensor *t, struct bytes *out,
                     struct status *st)
{
    struct bytes file;
    struct picture p;
    if (!file_read(a, path, &file, st) || !picture_from_bmp(a, file, &p, st))
        return false;
    int32_t channels = t->rank == 4 ? t->shape[3] : 1;
    if (t->rank < 3 || t->rank > 4 || t->shape[0] != 1 || (channels != 1 && channels != 3) ||
        (t->type != TFL_UINT8 && t->type != TFL_INT8))
        return status_fail(st, STATUS_UNSUPPORTED, "%s: not an input for pictures", t->name);
    p = picture_resize(a, &p, t->shape[1], t->shape[2]);
    size_t n = (size_t)p.height * (size_t)p.width * (size_t)channels, step = channels == 1 ? 3 : 1;
    uint8_t *data = arena_alloc(a, n);
    for (size_t k = 0; k < n; k++)
        data[k] = p.rgb[k * step] ^ (t->type == TFL_INT8 ? 0x80 : 0);
    *out = bytes_of(data, n);
    return true;
}

static double number(struct bytes b, size_t k)
{
    return 4 * k + 4 <= b.size ? (double)f32_of(le32(b.data + 4 * k)) : -1;
}

/* The values behind one CSV line, computed as the tests of libcoral do: pose score, keypoint score, x, y. */
static void values_of(const struct bytes *out, bool poses, const struct tfl_tensor *input, unsigned pose,
                      unsigned point, double *v)
{
    size_t k = (size_t)pose * KEYPOINTS + point;
    if (poses) {
        v[0] = number(out[2], pose), v[1] = number(out[1], k);
        v[2] = (double)((float)number(out[0], 2 * k + 1) / (float)input->shape[2]);
        v[3] = (double)((float)number(out[0], 2 * k) / (float)input->shape[1]);
    } else { /* MoveNet: [1,1,17,3] = y, x, score; one pose, of score 1 */
        v[0] = 1;
        v[1] = number(out[0], 3 * k + 2), v[2] = number(out[0], 3 * k + 1), v[3] = number(out[0], 3 * k);
    }
}

/* Equal as they were printed: 6 significant digits. */
static bool same_number(double got, const char *want)
{
    char text[32];
    snprintf(text, sizeof text, "%.6g", got);
    return strtod(text, NULL) == strtod(want, NULL);
}

static void numbers_compare(struct arena *a, struct bytes csv, const struct bytes *out, bool poses,
                            const struct tfl_tensor *input, struct device_result *r)
{
    char *text = arena_text(a, "%.*s", (int)csv.size, (const char *)csv.data), *lines = NULL;
    for (char *line = strtok_r(text, "\r\n", &lines); line; line = strtok_r(NULL, "\r\n", &lines)) {
        char *field[6], *rest = NULL;
        int n = 0;
        for (char *f = strtok_r(line, ",", &rest); f && n < 6; f = strtok_r(NULL, ",", &rest))
            field[n++] = f;
        if (n < 6 || field[0][0] < '0' || field[0][0] > '9')
            continue; /* the heading */
        static const int column[4] = {1, 3, 4, 5};
        double v[4];
        values_of(out, poses, input, (unsigned)strtoul(field[0], NULL, 10), (unsigned)strtoul(field[2], NULL, 10), v);
        for (int k = poses ? 0 : 1; k < 4; k++) {
            r->numbers++;
            r->equal += same_number(v[k], field[column[k]]);
        }
    }
}

static void label_find(struct bytes out, const struct tfl_tensor *t, const struct device_case *c,
                       struct device_result *r)
{
    int flip = t->type == TFL_INT8 ? 0x80 : 0, better = 0;
    if ((t->type != TFL_INT8 && t->type != TFL_UINT8) || (size_t)c->label >= out.size || !t->quant.count)
        return;
    int mine = out.data[c->label] ^ flip;
    for (size_t k = 0; k < out.size; k++)
        better += (out.data[k] ^ flip) > mine;
    r->score = (double)t->quant.scale[0] * (double)(mine - flip - t->quant.zero_point[0]);
    r->labelled = better < 3 && r->score > c->score;
}

bool device_run(struct arena *a, const char *corpus, const struct device_case *c, bool cpu, struct device_result *out,
                struct status *st)
{
    const char *images = path_join(a, corpus, "images/google-coral+test_data");
    const char *plain = cpu ? without_edgetpu(a, c->model) : c->model;
    const char *model_path = arena_text(a, "%s/models/%s.tflite", corpus, plain);
    const char *picture = path_join(a, images, c->picture), *csv_path = "";
    *out = (struct device_result){0};
    if (c->numbers)
        csv_path = path_join(a, images, cpu ? without_edgetpu(a, c->numbers) : c->numbers);
    if (access(model_path, R_OK) || access(picture, R_OK) || (c->numbers && access(csv_path, R_OK)))
        return true;
    struct bytes file, csv = {0}, outputs[MAX_OUTPUTS] = {{0}}, *inputs;
    struct tfl_model *m;
    struct interp *p;
    if (!file_read(a, model_path, &file, st) || !tfl_read(a, file, &m, st) ||
        (c->numbers && !file_read(a, csv_path, &csv, st)))
        return false;
    const struct tfl_subgraph *g = &m->subgraphs[0];
    if (g->n_inputs != 1 || !g->n_outputs || g->n_outputs > MAX_OUTPUTS)
        return status_fail(st, STATUS_UNSUPPORTED, "%s: %u inputs, %u outputs", plain, g->n_inputs, g->n_outputs);
    inputs = ARENA_NEW(a, struct bytes);
    struct sim *sim = sim_new(&(struct sim_options){0});
    struct interp_options o = {.numerics = cpu ? KERN_TFLITE : KERN_EDGETPU, .sim = sim};
    const struct tfl_tensor *input = &g->tensors[g->inputs[0]];
    bool ok = input_of(a, picture, input, inputs, st) && interp_new(a, m, &o, &p, st) &&
              interp_run(p, inputs, outputs, st);
    sim_free(sim);
    if (!ok)
        return status_context(st, "%s: ", plain);
    out->present = true;
    if (c->numbers)
        numbers_compare(a, csv, outputs, g->n_outputs > 1, input, out);
    else
        label_find(outputs[0], &g->tensors[g->outputs[0]], c, out);
    return true;
}
