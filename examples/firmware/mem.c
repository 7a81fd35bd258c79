/* mem.c - all of the C library that ocitar.h needs, for those who link none.
   Small rather than fast; a libc's are both. What they write is volatile, for a
   compiler that knows memset would make its loop a call of memset. */

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int value, size_t len);
int memcmp(const void *a, const void *b, size_t len);

void *memcpy(void *to, const void *from, size_t len)
{
    volatile unsigned char *t = (volatile unsigned char *)to;
    const unsigned char *f = (const unsigned char *)from;

    while (len-- > 0)
        *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t len)
{
    volatile unsigned char *t = (volatile unsigned char *)to;
    const unsigned char *f = (const unsigned char *)from;

    if (t <= f)
        return memcpy(to, from, len);
    while (len-- > 0)
        t[len] = f[len];
    return to;
}

void *memset(void *to, int value, size_t len)
{
    volatile unsigned char *t = (volatile unsigned char *)to;

    while (len-- > 0)
        *t++ = (unsigned char)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
    const unsigned char *x = (const unsigned char *)a;
    const unsigned char *y = (const unsigned char *)b;

    for (; len > 0; len--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

/* The names by which clang calls them on Arm. Its memset has the last two of
   its arguments the other way round, and another one for zeros. */
#if defined __clang__ && defined __ARM_EABI__

#define SAME_AS(function) __attribute__((alias(#function)))

void *__aeabi_memcpy(void *, const void *, size_t) SAME_AS(memcpy);
void *__aeabi_memcpy4(void *, const void *, size_t) SAME_AS(memcpy);
void *__aeabi_memcpy8(void *, const void *, size_t) SAME_AS(memcpy);
void *__aeabi_memmove(void *, const void *, size_t) SAME_AS(memmove);
void *__aeabi_memmove4(void *, const void *, size_t) SAME_AS(memmove);
void *__aeabi_memmove8(void *, const void *, size_t) SAME_AS(memmove);

void __aeabi_memset(void *to, size_t len, int value);
void __aeabi_memset4(void *, size_t, int) SAME_AS(__aeabi_memset);
void __aeabi_memset8(void *, size_t, int) SAME_AS(__aeabi_memset);
void __aeabi_memclr(void *to, size_t len);
void __aeabi_memclr4(void *, size_t) SAME_AS(__aeabi_memclr);
void __aeabi_memclr8(void *, size_t) SAME_AS(__aeabi_memclr);

void __aeabi_memset(void *to, size_t len, int value)
{
    memset(to, value, len);
}

void __aeabi_memclr(void *to, size_t len)
{
    memset(to, 0, len);
}

#endif
