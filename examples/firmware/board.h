/* board.h - what the programs here need of a board: three functions, which are
   to be written for a new one (mps2/board.c, microbit/board.c), and the places
   that its linker script names. */

#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

/* Lines that bytes go out by. A board with one line uses it for both: programs
   here say nothing while an archive goes out. */
enum { BOARD_ARCHIVE, BOARD_WORDS };

/* After .data and .bss are there, before main. */
void board_begin(void);

/* Returns when the byte is on its way. */
void board_send(int line, uint8_t byte);

/* After main. Does not return. */
void board_end(void);

/* The deepest that the stack was so far, in bytes (start.c). */
size_t board_stack(void);

/* Text and numbers for people (words.c). */
void say(const char *text);
void say_number(unsigned long number);

/* Contents that the build puts into flash (content.S). */
extern const uint8_t content[];
extern const uint8_t content_end[];
extern const char expected[];

/* Where an update is put and started: slot.ld links one for that place. */
extern uint8_t slot[];
extern uint8_t slot_end[];

#endif
