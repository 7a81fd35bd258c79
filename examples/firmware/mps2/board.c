/* Arm's MPS2 with AN385 (qemu-system-arm -M mps2-an385): a Cortex-M3 with
   CMSDK UARTs, of which two are used. */

#include "../board.h"

typedef struct uart {
    uint32_t data;
    uint32_t state;
    uint32_t control;
    uint32_t interrupt;
    uint32_t divider;
} uart;

enum { TRANSMIT_FULL = 1, TRANSMIT_ENABLE = 1, LINES = 2 };
enum { CLOCK = 25000000, BAUD = 115200 };

static volatile uart *line_at(int line)
{
    return (volatile uart *)((uintptr_t)0x40004000u + 0x1000u * (unsigned)line);
}

void board_begin(void)
{
    int i;

    for (i = 0; i < LINES; i++) {
        line_at(i)->divider = CLOCK / BAUD;
        line_at(i)->control = TRANSMIT_ENABLE;
    }
}

void board_send(int line, uint8_t byte)
{
    while (line_at(line)->state & TRANSMIT_FULL)
        ;
    line_at(line)->data = byte;
}

/* A reset by the core's AIRCR, which ends qemu if it has -no-reboot. A device
   goes on to what it is for. */
void board_end(void)
{
    *(volatile uint32_t *)(uintptr_t)0xe000ed0cu = 0x05fa0004u;
    for (;;)
        ;
}
