/* The BBC micro:bit (qemu-system-arm -M microbit): a Cortex-M0 in an nRF51,
   with one UART. */

#include "../board.h"

enum { ENABLED = 4, PIN_TX = 24, BAUD_115200 = 0x01d7e000 };

static volatile uint32_t *uart(uint32_t offset)
{
    return (volatile uint32_t *)((uintptr_t)0x40002000u + offset);
}

static volatile uint32_t *sent(void)
{
    return uart(0x11c);
}

void board_begin(void)
{
    *uart(0x50c) = PIN_TX;
    *uart(0x524) = BAUD_115200;
    *uart(0x500) = ENABLED;
    *uart(0x008) = 1; /* starts the transmitter */
}

void board_send(int line, uint8_t byte)
{
    (void)line;
    *sent() = 0;
    *uart(0x51c) = byte;
    while (*sent() == 0)
        ;
}

/* As on the other board: a reset, which ends qemu. */
void board_end(void)
{
    *(volatile uint32_t *)(uintptr_t)0xe000ed0cu = 0x05fa0004u;
    for (;;)
        ;
}
