/* The core without any library: no libc, no start files, four mem functions
   written here. Built with -nostdlib -ffreestanding, on Linux it runs: an
   image goes to standard output by system calls. The same file built the
   usual way (-DHOSTED) must write the same bytes. */

#define OCITAR_NO_HOSTED
#ifdef HOSTED
#  include <string.h>
#  include <unistd.h>
#else
#  include <stddef.h>
static void *own_copy(void *to, const void *from, size_t n)
{
    volatile char *t = (volatile char *)to;
    const char *f = (const char *)from;

    while (n-- > 0)
        *t++ = *f++;
    return to;
}

static void *own_move(void *to, const void *from, size_t n)
{
    volatile char *t = (volatile char *)to;
    const char *f = (const char *)from;

    if (t < (volatile const char *)f)
        return own_copy(to, from, n);
    while (n-- > 0)
        t[n] = f[n];
    return to;
}

static void *own_set(void *to, int c, size_t n)
{
    volatile char *t = (volatile char *)to;

    while (n-- > 0)
        *t++ = (char)c;
    return to;
}

static int own_compare(const void *a, const void *b, size_t n)
{
    const unsigned char *x = (const unsigned char *)a;
    const unsigned char *y = (const unsigned char *)b;

    for (; n > 0; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

#  define OCITAR_MEMCPY own_copy
#  define OCITAR_MEMMOVE own_move
#  define OCITAR_MEMSET own_set
#  define OCITAR_MEMCMP own_compare

/* A compiler may still call these by itself. */
void *memcpy(void *to, const void *from, size_t n)
{
    return own_copy(to, from, n);
}

void *memmove(void *to, const void *from, size_t n)
{
    return own_move(to, from, n);
}

void *memset(void *to, int c, size_t n)
{
    return own_set(to, c, n);
}

int memcmp(const void *a, const void *b, size_t n)
{
    return own_compare(a, b, n);
}
#endif

#define OCITAR_IMPLEMENTATION
#include "ocitar.h"

#ifdef HOSTED
static long out(const void *data, size_t len)
{
    return (long)write(1, data, len);
}
#else
static long kernel(long number, long a, long b, long c)
{
#if defined __x86_64__
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
#elif defined __aarch64__
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;

    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2)
                     : "memory");
    return x0;
#else
#  error "no system call for this machine in this test"
#endif
}

#if defined __x86_64__
enum { KERNEL_WRITE = 1, KERNEL_EXIT = 60 };
#else
enum { KERNEL_WRITE = 64, KERNEL_EXIT = 93 };
#endif

static long out(const void *data, size_t len)
{
    return kernel(KERNEL_WRITE, 1, (long)data, (long)len);
}
#endif

static int put(void *user, const void *data, size_t len)
{
    const char *p = (const char *)data;
    long n;

    (void)user;
    for (; len > 0; len -= (size_t)n, p += n)
        if ((n = out(p, len)) <= 0)
            return 1;
    return 0;
}

static int image(void)
{
    static uint8_t buffer[512], waiting[8192], body[3000];
    static ocitar_archive archive;
    static ocitar_layout layout;
    static ocitar_index index;
    static ocitar_image image;
    static ocitar_layer layer;
    static ocitar_spool spool;
    static ocitar_descriptor pool[2];
    ocitar_archive_desc archive_desc = OCITAR_ZERO;
    ocitar_index_desc index_desc = OCITAR_ZERO;
    ocitar_image_desc image_desc = OCITAR_ZERO;
    ocitar_layer_desc layer_desc = OCITAR_ZERO;
    size_t i;

    for (i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(i * 131 + 7);
    archive_desc.sink.put_fn = put;
    archive_desc.buffer = buffer;
    archive_desc.buffer_size = sizeof buffer;
    index_desc.descriptors = pool;
    index_desc.capacity = 2;
    image_desc.reference = "free/standing:1";
    image_desc.platform.architecture = "none";
    layer_desc.wait.spool = &spool;
    layer_desc.algorithm = OCITAR_SHA256;
    ocitar_spool_begin_buffer(&spool, waiting, sizeof waiting);
    ocitar_archive_begin(&archive, &archive_desc);
    ocitar_layout_begin(&layout, &archive, NULL);
    ocitar_index_begin(&index, &layout, &index_desc);
    ocitar_image_begin(&image, &index, &image_desc);
    ocitar_layer_begin(&layer, &image, &layer_desc);
    ocitar_layer_file(&layer, "body", 0600, body, sizeof body);
    ocitar_layer_end(&layer);
    ocitar_image_end(&image);
    ocitar_index_end(&index);
    return ocitar_archive_finish(&archive) != OCITAR_OK;
}

#ifdef HOSTED
int main(void)
{
    return image();
}
#else
/* The kernel enters with another stack alignment than a call has. */
#if defined __x86_64__
__asm__(".globl start\nstart:\n\txor %ebp, %ebp\n\tcall begin\n");
#else
__asm__(".globl start\nstart:\n\tbl begin\n");
#endif

void begin(void);
void begin(void)
{
    kernel(KERNEL_EXIT, image(), 0, 0);
    for (;;)
        ;
}
#endif
