/* stdio.c - the short suite where there is a standard output: a system, or a
   debugger that lends its own. */

#include <stdio.h>

#include "short.h"

void put_text(const char *text)
{
    fputs(text, stdout);
}

int main(void)
{
    return short_suite() != 0;
}
