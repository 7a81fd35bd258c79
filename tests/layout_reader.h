/* layout_reader.h - reads the documents of the archives that a test wrote.
   Stands after check.h and tar_reader.h. */

#ifndef LAYOUT_READER_H
#define LAYOUT_READER_H

/* The bytes of the one entry with that name, and a NUL; "" if it is not there
   once. Kept until eight others were asked for. */
static const char *text_of(const check_sink *s, const char *name)
{
    static char text[8][16384];
    static int turn;
    char *out = text[turn++ & 7];
    bytes all;
    size_t at = 0;
    item it;
    int found = 0;

    all.data = s->data;
    all.len = s->len;
    out[0] = 0;
    while (tar_next(all, &at, &it))
        if (strcmp(it.name, name) == 0 && it.size < sizeof text[0]) {
            memcpy(out, it.body, it.size);
            out[it.size] = 0;
            found++;
        }
    if (found != 1)
        out[0] = 0;
    return out;
}

/* "blobs/sha256/<hex>" of a digest; kept as long. */
static const char *path_of(const ocitar_digest *digest)
{
    static char path[8][6 + OCITAR_DIGEST_TEXT_MAX];
    static int turn;
    char *out = path[turn++ & 7];

    memcpy(out, "blobs/", 6);
    ocitar_digest_format(digest, out + 6);
    out[12] = '/';
    return out;
}

/* The text of the one blob with that digest. */
static const char *blob_of(const check_sink *s, const ocitar_digest *digest)
{
    return text_of(s, path_of(digest));
}

/* As CHECK(strcmp(got, want) == 0), and says both. */
#define CHECK_TEXT(got, want)                                                 \
    do {                                                                      \
        const char *check_text = (got);                                       \
        if (strcmp(check_text, (want)) == 0) {                                \
            check_passed++;                                                   \
        } else {                                                              \
            check_failed++;                                                   \
            printf("FAIL %s:%d:\n%s\nnot\n%s\n", __FILE__, __LINE__,          \
                   check_text, (want));                                       \
        }                                                                     \
    } while (0)

/* As CHECK(strstr(got, want) != NULL). */
#define CHECK_HAS(got, want)                                                  \
    do {                                                                      \
        const char *check_text = (got);                                       \
        if (strstr(check_text, (want)) != NULL) {                             \
            check_passed++;                                                   \
        } else {                                                              \
            check_failed++;                                                   \
            printf("FAIL %s:%d:\n%s\nwithout\n%s\n", __FILE__, __LINE__,      \
                   check_text, (want));                                       \
        }                                                                     \
    } while (0)

#endif
