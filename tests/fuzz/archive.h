/* archive.h - archives out of fuzz input, whose digests are right.

   Input that begins with '!' is a recipe, else a tar. A recipe is documents
   with NULs between them; in a later one, ${n} stands for the digest of the
   n-th (a digit), $#n for its size. All become blobs but the last, which is
   index.json. */

#ifndef FUZZ_ARCHIVE_H
#define FUZZ_ARCHIVE_H

#include "fuzz.h"

enum { MOST = 1 << 18, DOCUMENTS = 10 };

typedef struct made {
    uint8_t data[MOST];
    size_t size;
} made;

static int made_put(void *user, const void *data, size_t len)
{
    made *m = (made *)user;

    if (len > MOST - m->size)
        return 1;
    memcpy(m->data + m->size, data, len);
    m->size += len;
    return 0;
}

/* One document, with what it refers to put in; its length. */
static size_t fill_in(const uint8_t *from, size_t len, char *out, size_t room,
                      char digests[DOCUMENTS][OCITAR_DIGEST_TEXT_MAX],
                      const size_t *sizes, int count)
{
    size_t i, n = 0;

    for (i = 0; i < len && n + OCITAR_DIGEST_TEXT_MAX < room; i++) {
        int at = i + 2 < len ? from[i + 2] - '0' : -1;

        if (from[i] == '$' && at >= 0 && at < count && from[i + 1] == '{') {
            n += (size_t)snprintf(out + n, room - n, "%s", digests[at]);
            i += 2;
            if (i + 1 < len && from[i + 1] == '}')
                i++;
        } else if (from[i] == '$' && at >= 0 && at < count &&
                   from[i + 1] == '#') {
            n += (size_t)snprintf(out + n, room - n, "%zu", sizes[at]);
            i += 2;
        } else {
            out[n++] = (char)from[i];
        }
    }
    return n;
}

static void make_archive(const uint8_t *data, size_t size, made *m)
{
    static char text[1 << 16], digests[DOCUMENTS][OCITAR_DIGEST_TEXT_MAX];
    static uint8_t buffer[512];
    static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
    ocitar_archive_desc desc = OCITAR_ZERO;
    size_t sizes[DOCUMENTS], at = 1, end, len;
    ocitar_digest digest;
    ocitar_archive a;
    ocitar_layout l;
    int count = 0;

    m->size = 0;
    if (size == 0 || data[0] != '!') {
        m->size = size < MOST ? size : MOST;
        memcpy(m->data, data, m->size);
        return;
    }
    desc.buffer = buffer;
    desc.buffer_size = sizeof buffer;
    desc.sink.put_fn = made_put;
    desc.sink.user = m;
    MUST(ocitar_archive_begin(&a, &desc) == OCITAR_OK);
    MUST(ocitar_layout_begin(&l, &a, NULL) == OCITAR_OK);
    ocitar_layout_init(&l);
    ocitar_file_put(&l, "oci-layout", 0, 0444, version, sizeof version - 1);
    for (; at <= size; at = end + 1) {
        for (end = at; end < size && data[end] != 0; end++)
            ;
        len = fill_in(data + at, end - at, text, sizeof text, digests, sizes,
                      count);
        if (end == size || count == DOCUMENTS - 1) {
            ocitar_file_put(&l, "index.json", 0, 0644, text, len);
            break;
        }
        sizes[count] = len;
        if (ocitar_blob_put(&l, 0, text, len, &digest) != OCITAR_OK)
            break;
        ocitar_digest_format(&digest, digests[count++]);
    }
    if (ocitar_archive_finish(&a) != OCITAR_OK)
        m->size = 0;
}

#endif
