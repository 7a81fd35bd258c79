/* start.c - from reset to main, on any Cortex-M. */

#include "board.h"

/* Of sections.ld. */
extern const uint32_t data_image[];
extern uint32_t data[], data_end[], bss[], bss_end[], stack_end[];

void reset(void);
int main(void);

enum { UNTOUCHED = 0x5a5a5a5a };

/* Any exception is a defect here: nothing is interrupted. */
static void fault(void)
{
    say("\nFAULT\n");
    board_end();
}

typedef struct vector_table {
    uint32_t *stack;
    void (*handlers[15])(void);
} vector_table;

extern const vector_table vectors;
__attribute__((section(".vectors"), used)) const vector_table vectors = {
    stack_end,
    { reset, fault, fault, fault, fault, fault, NULL, NULL, NULL, NULL, fault,
      fault, NULL, fault, fault }
};

/* What is between .bss and the end of memory is the stack's. */
static void paint_stack(void)
{
    uint32_t mark;
    volatile uint32_t *p = bss_end;

    while (p < &mark)
        *p++ = UNTOUCHED;
}

size_t board_stack(void)
{
    const uint32_t *p = bss_end;

    while (p < stack_end && *p == UNTOUCHED)
        p++;
    return (size_t)(stack_end - p) * sizeof *p;
}

/* Code for a Cortex-M0 may not access memory unaligned. A larger core that
   runs it is told to object, too (the bit UNALIGN_TRP of its CCR). */
static void trap_unaligned(void)
{
#ifndef __ARM_FEATURE_UNALIGNED
    volatile uint32_t *ccr = (volatile uint32_t *)(uintptr_t)0xe000ed14u;

    *ccr |= 8u;
#endif
}

void reset(void)
{
    const uint32_t *from = data_image;
    uint32_t *to;

    for (to = data; to < data_end; to++)
        *to = *from++;
    for (to = bss; to < bss_end; to++)
        *to = 0;
    paint_stack();
    trap_unaligned();
    board_begin();
    main();
    board_end();
}
