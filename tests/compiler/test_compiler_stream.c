/* Parameters that come from the host at every inference: the host sends them over the ring that tiles use too, so they
 * leave behind all that tiles have sent before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "darwinn/package.h"
#include "isa/isa.h"
#include "judge.h"
#include "support/corpus.h"
#include "support/make_model.h"

static bool decode(struct bytes options, void *arg, struct status *st)
{
    struct dwn_package *p;
    struct arena *a = arena_new();
    struct isa_program program;
    int64_t passes = 0;
    unsigned *streamed = arg;
    if (!dwn_from_custom_options(a, options, &p, st) ||
        !isa_decode_stream(a, p->executables[0].streams[0].code, &program, st))
        return false;
    for (size_t i = 0; i < program.count; i++) {
        const struct isa_inst *x = &program.inst[i];
        if (x->op == ISA_RING_SEND && x->send.chan == 1 && x->send.core) /* a depthwise layer's rows */
            passes += x->send.w.lim[1] + 1;
        if (x->op != ISA_INJECT || x->inject.src != 0)
            continue;
        ++*streamed;
        assert_int_equal(x->inject.wait[1].id, ISA_PRODUCER_A);
        assert_int_equal(x->inject.wait[1].val, passes);
        assert_true(passes > 0);
    }
    arena_free(a);
    return true;
}

/* Two layers of 4 MiB: one of them is streamed, behind the rows of the depthwise layer. */
static void weights_leave_behind_what_tiles_have_sent(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct maker *k = maker_new(a, TFL_UINT8, 1);
    int x = make_input(k, 3, (int32_t[]){4, 4, 1024});
    x = make_depthwise_conv_2d(k, x, &(struct make_window){.size = 3});
    x = make_conv_2d(k, x, &(struct make_window){.channels = 4096, .size = 1});
    make_output(k, make_conv_2d(k, x, &(struct make_window){.channels = 1024, .size = 1}));
    struct judgement j = judge(a, maker_finish(k));
    unsigned streamed = 0;
    struct status st = {0};
    if (j.fault)
        print_message("%s\n", j.fault);
    assert_null(j.fault);
    assert_true(corpus_packages(a, j.compiled.file, decode, &streamed, &st));
    assert_int_equal(streamed, 1);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(weights_leave_behind_what_tiles_have_sent)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
