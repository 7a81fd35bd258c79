/* avr.c - the short suite on an AVR: it talks over its first serial line. */

#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>

#include "short.h"

static void put_char(char c)
{
    while (!(UCSR0A & _BV(UDRE0)))
        ;
    UDR0 = (uint8_t)c;
}

void put_text(const char *text)
{
    while (*text != 0)
        put_char(*text++);
}

void put_constant(const char *text)
{
    char c;

    while ((c = (char)pgm_read_byte(text++)) != 0)
        put_char(c);
}

/* Asleep with interrupts off: the simulator takes that for the end. */
int main(void)
{
    UCSR0B = _BV(TXEN0);
    short_suite();
    cli();
    sleep_enable();
    sleep_cpu();
    for (;;)
        ;
}
