/* words.c - text for people, without printf. */

#include "board.h"

void say(const char *text)
{
    while (*text != '\0')
        board_send(BOARD_WORDS, (uint8_t)*text++);
}

void say_number(unsigned long number)
{
    char digits[24];
    size_t at = sizeof digits - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + (int)(number % 10));
        number /= 10;
    } while (number != 0);
    say(digits + at);
}
