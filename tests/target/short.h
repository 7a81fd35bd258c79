/* short.h - the short suite, and what it asks of the machine that it runs on.
   Each machine has a file here with put_text and main. */

#ifndef SHORT_H
#define SHORT_H

struct ocitar_digest;
struct ocitar_sink;

/* Where the machine talks: a serial line, a debugger, standard output. */
void put_text(const char *text);

/* The test's own messages, where a machine can keep them out of its RAM. */
#ifdef __AVR__
#  include <avr/pgmspace.h>
void put_constant(const char *text);
#  define SAY(text) put_constant(PSTR(text))
#else
#  define SAY(text) put_text(text)
#endif

/* Says PASS, or FAIL with a reason for each failed check; the number of
   those. */
int short_suite(void);

/* The suite's image into a sink: by patching if it can be patched, else
   rehearsed. A code of the library's. The bytes are the same on every
   machine. */
int short_image(const struct ocitar_sink *sink);

/* Are these the bytes? */
int short_image_is(const struct ocitar_digest *digest);

#endif
