/* A board for examples/firmware/writer.c that is this host: what it sends goes
   to standard output, to be compared with what a device sends. */

#include "../examples/firmware/board.h"
#include <stdio.h>

void board_send(int line, uint8_t byte)
{
    putc(byte, line == BOARD_ARCHIVE ? stdout : stderr);
}
