/* check.h - what the test programs share: counted checks, a sink in memory. */

#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Slow machines, such as emulated ones, do every so manieth round of the
   longest loops, and may take so many times longer. */
#ifndef CHECK_STEP
#  define CHECK_STEP 1
#endif

/* realloc and free where the hosted part, which has them, is left out. */
#ifdef OCITAR_NO_HOSTED
OCITAR_I_UNUSED static void *check_resize(void *user, void *old,
                                          size_t old_size, size_t new_size)
{
    (void)user;
    (void)old_size;
    if (new_size > 0)
        return realloc(old, new_size);
    free(old);
    return NULL;
}

OCITAR_I_UNUSED static void check_heap(ocitar_allocator *out)
{
    out->resize_fn = check_resize;
    out->user = NULL;
}

#  define ocitar_heap check_heap
#endif

/* A machine that Go has no name for has no default architecture, either: the
   tests give their images this one. */
#ifdef CHECK_ARCHITECTURE
OCITAR_I_UNUSED static int check_image_begin(ocitar_image *image,
                                             ocitar_index *index,
                                             const ocitar_image_desc *desc)
{
    ocitar_image_desc d;

    if (desc == NULL)
        return ocitar_image_begin(image, index, NULL);
    d = *desc;
    if (d.platform.architecture == NULL && d.artifact_type == NULL)
        d.platform.architecture = CHECK_ARCHITECTURE;
    return ocitar_image_begin(image, index, &d);
}

#  define ocitar_image_begin check_image_begin
#endif

static int check_passed, check_failed;

/* Counts a check; a failed one is named with its place. */
#define CHECK(condition)                                                      \
    do {                                                                      \
        if (condition) {                                                      \
            check_passed++;                                                   \
        } else {                                                              \
            check_failed++;                                                   \
            printf("FAIL %s:%d: %s\n", __FILE__, __LINE__, #condition);       \
        }                                                                     \
    } while (0)

/* As CHECK(got == want), and says both values, as error names. */
#define CHECK_CODE(call, want)                                                \
    do {                                                                      \
        int check_got = (call);                                               \
        if (check_got == (want)) {                                            \
            check_passed++;                                                   \
        } else {                                                              \
            check_failed++;                                                   \
            printf("FAIL %s:%d: %s: %s, not %s\n", __FILE__, __LINE__, #call, \
                   ocitar_error_name(check_got), ocitar_error_name(want));    \
        }                                                                     \
    } while (0)

/* The last line of every test program; its value is main's. */
static int check_done(void)
{
    printf("%d passed, %d failed\n", check_passed, check_failed);
    return check_failed != 0;
}

/* A sink that keeps its bytes. It fails at the call whose number is
   `fail_at` (from 1), with `code`; 0: never. */
typedef struct check_sink {
    unsigned char *data;
    size_t len, capacity;
    int calls, fail_at, code;
} check_sink;

static int check_put(void *user, const void *data, size_t len)
{
    check_sink *s = (check_sink *)user;

    if (++s->calls == s->fail_at)
        return s->code;
    if (s->len + len > s->capacity) {
        s->capacity = 2 * (s->len + len);
        s->data = (unsigned char *)realloc(s->data, s->capacity);
        if (s->data == NULL)
            abort();
    }
    memcpy(s->data + s->len, data, len);
    s->len += len;
    return 0;
}

#endif
