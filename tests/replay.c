/* replay SCRIPT OUT.tar - plays a call script against the tar driver.

   Prints each call, then "ok" or "err CODE", then "@N", N being the bytes
   that the sink holds; writes those bytes to OUT.tar. Exit 0 if the script
   could be played, 1 if a file failed, 2 if the script is not one. */

#include "ocitar.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITERS = 4096, KEYS = 65536, LINE = 1 << 24 };

typedef struct sink {
    unsigned char *data;
    size_t len, capacity, limit; /* limit: SIZE_MAX for none */
} sink;

typedef struct writer {
    char *id;
    char *name; /* of a file */
    ocitar_blob blob;
    ocitar_file file;
    ocitar_spool spool;
    int kind; /* 0 free, 'b' blob, 'f' file */
} writer;

static sink out = { NULL, 0, 0, SIZE_MAX };
static unsigned char buffer[512];
static ocitar_key keys[KEYS];
static ocitar_archive archive;
static ocitar_layout layout;
static ocitar_allocator heap;
static writer writers[WRITERS];

static void die(const char *what)
{
    fprintf(stderr, "replay: %s\n", what);
    exit(2);
}

/* Stores what fits below the limit, then fails, as the seed's writer did. */
static int put(void *user, const void *data, size_t len)
{
    sink *s = (sink *)user;
    size_t n = len < s->limit - s->len ? len : s->limit - s->len;

    if (s->len + n > s->capacity) {
        s->capacity = 2 * (s->len + n);
        s->data = (unsigned char *)realloc(s->data, s->capacity);
        if (s->data == NULL)
            die("out of memory");
    }
    if (n > 0)
        memcpy(s->data + s->len, data, n);
    s->len += n;
    return n < len;
}

static int nibble(char c)
{
    const char *digits = "0123456789abcdef", *p = strchr(digits, c);

    if (c == 0 || p == NULL)
        die("bad hex");
    return (int)(p - digits);
}

/* Hex, or '-' for nothing, in place; returns the length. */
static size_t unhex(char *s)
{
    size_t n = 0;

    if (strcmp(s, "-") == 0)
        s[0] = 0;
    for (; s[2 * n] != 0; n++)
        s[n] = (char)(nibble(s[2 * n]) * 16 + nibble(s[2 * n + 1]));
    s[n] = 0;
    return n;
}

static writer *find(const char *id)
{
    int i;

    for (i = 0; i < WRITERS; i++)
        if (writers[i].kind != 0 && strcmp(writers[i].id, id) == 0)
            return &writers[i];
    die("unknown writer");
    return NULL;
}

static char *copy(const char *s, size_t len)
{
    char *p = (char *)malloc(len + 1);

    if (p == NULL)
        die("out of memory");
    memcpy(p, s, len + 1);
    return p;
}

/* A name that is used again stands for the new writer; the old one is given
   up, as it would be by a variable that goes out of use. */
static void forget(writer *w)
{
    if (w->kind == 'b')
        ocitar_blob_close(&w->blob);
    if (w->kind == 'f')
        ocitar_file_abandon(&w->file);
    if (w->kind != 0) {
        ocitar_spool_end(&w->spool);
        free(w->id);
        free(w->name);
    }
    memset(w, 0, sizeof *w);
}

static writer *create(const char *id, int kind)
{
    ocitar_spool_desc desc = OCITAR_ZERO;
    int i;

    for (i = 0; i < WRITERS; i++)
        if (writers[i].kind == 0 || strcmp(writers[i].id, id) == 0)
            break;
    if (i == WRITERS)
        die("too many writers");
    forget(&writers[i]);
    desc.allocator = &heap;
    ocitar_spool_begin(&writers[i].spool, &desc);
    writers[i].id = copy(id, strlen(id));
    writers[i].kind = kind;
    return &writers[i];
}

static int write_to(writer *w, const void *data, size_t len)
{
    return w->kind == 'b' ? ocitar_blob_write(&w->blob, data, len)
                          : ocitar_file_write(&w->file, data, len);
}

static int generate(writer *w, unsigned long total, unsigned long chunk)
{
    static unsigned char bytes[1 << 16];
    unsigned long done = 0;
    int e = OCITAR_OK;

    if (chunk == 0)
        die("a chunk of nothing");
    if (total == 0)
        return write_to(w, bytes, 0);
    while (done < total && e == OCITAR_OK) {
        unsigned long left = total - done < chunk ? total - done : chunk;

        while (left > 0 && e == OCITAR_OK) {
            unsigned long n = left < sizeof bytes ? left : sizeof bytes, i;

            for (i = 0; i < n; i++)
                bytes[i] = (unsigned char)((done + i) * 131 + 7);
            e = write_to(w, bytes, n);
            done += n;
            left -= n;
        }
    }
    return e;
}

/* Finishing refuses while an error stands. The seed had no such rule, so a
   script's `close` gives up what had failed. */
static int finish(void)
{
    int i;

    for (i = 0; i < WRITERS; i++) {
        if (writers[i].kind == 'b' && writers[i].blob.node.error != 0)
            ocitar_blob_close(&writers[i].blob);
        if (writers[i].kind == 'f' && writers[i].file.node.error != 0)
            ocitar_file_abandon(&writers[i].file);
    }
    return ocitar_archive_finish(&archive);
}

static int blob(char **word)
{
    writer *w = create(word[1], 'b');
    ocitar_wait wait = OCITAR_ZERO;
    uint8_t algorithm = ocitar_algorithm_parse(word[2], unhex(word[2]));

    wait.way = OCITAR_WAIT_SPOOL;
    wait.spool = &w->spool;
    return ocitar_blob_begin(&w->blob, &layout,
                             algorithm == 0 ? (uint8_t)0x80 : algorithm,
                             &wait);
}

static int file(char **word)
{
    writer *w = create(word[1], 'f');
    size_t len = unhex(word[3]);

    w->name = copy(word[3], len);
    return ocitar_file_begin(&w->file, &layout, w->name, len,
                             (uint32_t)strtoul(word[2], NULL, 8), &w->spool);
}

static int commit(char **word)
{
    long long size = strtoll(word[2], NULL, 10);

    return ocitar_blob_commit(&find(word[1])->blob,
                              size > 0 ? (uint64_t)size : OCITAR_SIZE_UNKNOWN,
                              strcmp(word[3], "-") == 0 ? NULL : word[3]);
}

static int call(char **word, int words)
{
    ocitar_source source = OCITAR_ZERO;
    const char *verb = word[0];

    if (strcmp(verb, "init") == 0 && words == 1)
        return ocitar_layout_init(&layout);
    if (strcmp(verb, "close") == 0 && words == 1)
        return finish();
    if (strcmp(verb, "blob") == 0 && words == 3)
        return blob(word);
    if (strcmp(verb, "file") == 0 && words == 4)
        return file(word);
    if (strcmp(verb, "commit") == 0 && words == 4)
        return commit(word);
    if (strcmp(verb + 1, "write_gen") == 0 && words == 4)
        return generate(find(word[1]), strtoul(word[2], NULL, 10),
                        strtoul(word[3], NULL, 10));
    if (strcmp(verb + 1, "write_hex") == 0 && words == 3)
        return write_to(find(word[1]), word[2], unhex(word[2]));
    if (strcmp(verb, "bclose") == 0 && words == 2)
        return ocitar_blob_close(&find(word[1])->blob);
    if (strcmp(verb, "fclose") == 0 && words == 2)
        return ocitar_file_close(&find(word[1])->file);
    if (strcmp(verb, "remove") == 0 && words == 2)
        return unhex(word[1]), ocitar_layout_remove(&layout, word[1]);
    if (strcmp(verb, "reader") == 0 && words == 2)
        return unhex(word[1]),
               ocitar_layout_reader(&layout, word[1], &source);
    die("a call that is not known");
    return 0;
}

static void play(char *line)
{
    char *word[8], *end = strstr(line, " => ");
    int words = 0, e;

    if (end != NULL)
        *end = 0;
    printf("%s => ", line);
    for (line = strtok(line, " "); line != NULL && words < 8;
         line = strtok(NULL, " "))
        word[words++] = line;
    if (words == 0)
        die("an empty call");
    e = call(word, words);
    if (e == OCITAR_OK)
        printf("ok @%lu\n", (unsigned long)out.len);
    else
        printf("err %s @%lu\n", ocitar_error_name(e), (unsigned long)out.len);
}

static void start(void)
{
    ocitar_archive_desc desc = OCITAR_ZERO;
    ocitar_layout_desc layout_desc = OCITAR_ZERO;

    ocitar_heap(&heap);
    desc.sink.put_fn = put;
    desc.sink.user = &out;
    desc.buffer = buffer;
    desc.buffer_size = sizeof buffer;
    layout_desc.keys = keys;
    layout_desc.key_count = KEYS;
    if (ocitar_archive_begin(&archive, &desc) != OCITAR_OK ||
        ocitar_layout_begin(&layout, &archive, &layout_desc) != OCITAR_OK)
        die("cannot begin");
}

int main(int argc, char **argv)
{
    static char line[LINE];
    FILE *script, *tar;
    int i;

    if (argc != 3)
        die("usage: replay SCRIPT OUT.tar");
    script = fopen(argv[1], "r");
    if (script == NULL) {
        perror(argv[1]);
        return 1;
    }
    start();
    while (fgets(line, sizeof line, script) != NULL) {
        line[strcspn(line, "\r\n")] = 0;
        if (line[0] == '#' || line[0] == 0)
            continue;
        if (strncmp(line, "sink_limit ", 11) == 0) {
            out.limit = strtoul(line + 11, NULL, 10);
            puts(line);
        } else {
            play(line);
        }
    }
    fclose(script);
    for (i = 0; i < WRITERS; i++)
        forget(&writers[i]);
    tar = fopen(argv[2], "wb");
    if (tar == NULL ||
        (out.len > 0 && fwrite(out.data, 1, out.len, tar) != out.len) ||
        fclose(tar) != 0) {
        perror(argv[2]);
        return 1;
    }
    free(out.data);
    return fflush(stdout) == 0 ? 0 : 1;
}
