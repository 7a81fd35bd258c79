/* test_layout - directories, files and blobs of a layout, in every way that
   a blob can wait, in a tar and in a driver of the test's own. */

#include "ocitar.h"
#include "check.h"

/* ---- a sink that can be patched, and a tar reader ---- */

typedef struct memory {
    check_sink sink; /* first, so that check_put works on it */
    int at_code, cut_code, empty;
} memory;

static int memory_put(void *user, const void *data, size_t len)
{
    memory *m = (memory *)user;

    m->empty += len == 0;
    return check_put(user, data, len);
}

static int memory_put_at(void *user, uint64_t offset, const void *data,
                         size_t len)
{
    memory *m = (memory *)user;

    if (m->at_code != 0 || offset + len > m->sink.len)
        return m->at_code != 0 ? m->at_code : 99;
    memcpy(m->sink.data + offset, data, len);
    return 0;
}

static int memory_cut(void *user, uint64_t offset)
{
    memory *m = (memory *)user;

    if (m->cut_code != 0 || offset > m->sink.len)
        return m->cut_code != 0 ? m->cut_code : 99;
    m->sink.len = (size_t)offset;
    return 0;
}

typedef struct item {
    char name[272];
    char type;
    unsigned long mode;
    size_t size;
    const unsigned char *body;
} item;

static unsigned long octal(const unsigned char *field, size_t width)
{
    char text[16];

    memcpy(text, field, width);
    text[width] = 0;
    return strtoul(text, NULL, 8);
}

static int all_zero(const unsigned char *p, size_t len)
{
    while (len > 0 && p[len - 1] == 0)
        len--;
    return len == 0;
}

/* The entry at *at, and *at behind it; 0 at a zero block or on damage. */
static int tar_next(const check_sink *s, size_t *at, item *it)
{
    char path[256] = "";
    const unsigned char *h;
    unsigned long sum;
    size_t i;

    for (;;) {
        if (s->len - *at < 1024 || all_zero(s->data + *at, 512))
            return 0;
        h = s->data + *at;
        for (sum = 8 * ' ', i = 0; i < 512; i++)
            sum += i >= 148 && i < 156 ? 0 : h[i];
        it->size = octal(h + 124, 12);
        if (sum != octal(h + 148, 8) || it->size > s->len - *at - 512)
            return 0;
        it->type = (char)h[156];
        it->mode = octal(h + 100, 8);
        it->body = h + 512;
        *at += 512 + (it->size + 511) / 512 * 512;
        if (!all_zero(it->body + it->size, (512 - it->size % 512) % 512))
            return 0;
        if (it->type != 'x')
            break;
        snprintf(path, sizeof path, "%.*s", (int)it->size - 10,
                 (const char *)it->body + 9); /* "151 path=" ... "\n" */
    }
    snprintf(it->name, sizeof it->name, "%.155s%s%.100s",
             (const char *)h + 345, h[345] != 0 ? "/" : "", (const char *)h);
    if (path[0] != 0)
        snprintf(it->name, sizeof it->name, "%s", path);
    return 1;
}

/* How many entries have this name; *out is the last of them. */
static int tar_find(const check_sink *s, const char *name, item *out)
{
    size_t at = 0;
    int n = 0;
    item it;

    while (tar_next(s, &at, &it))
        if (strcmp(it.name, name) == 0) {
            *out = it;
            n++;
        }
    return n;
}

/* The number of entries if they are followed by two zero blocks and by
   nothing else, or -1. */
static int tar_count(const check_sink *s)
{
    size_t at = 0;
    int n = 0;
    item it;

    while (tar_next(s, &at, &it))
        n++;
    return s->len - at == 1024 && all_zero(s->data + at, 1024) ? n : -1;
}

/* ---- what a test starts with ---- */

enum { PUT_ONLY = 0, PATCHABLE = 1, DRY = 2 };

typedef struct fixture {
    memory out;
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_spool spool;
    ocitar_allocator heap;
    unsigned char buffer[512];
} fixture;

static void start_with(fixture *f, int kind, const ocitar_layout_desc *desc,
                       int (*hook_fn)(void *, ocitar_entry *), void *user)
{
    ocitar_archive_desc a = OCITAR_ZERO;
    ocitar_spool_desc s = OCITAR_ZERO;

    memset(f, 0, sizeof *f);
    a.buffer = f->buffer;
    a.buffer_size = sizeof f->buffer;
    a.sink.user = &f->out;
    if (kind != DRY)
        a.sink.put_fn = memory_put;
    if (kind == PATCHABLE) {
        a.sink.put_at_fn = memory_put_at;
        a.sink.truncate_fn = memory_cut;
    }
    a.hook_fn = hook_fn;
    a.hook_user = user;
    ocitar_heap(&f->heap);
    s.allocator = &f->heap;
    CHECK_CODE(ocitar_spool_begin(&f->spool, &s), OCITAR_OK);
    CHECK_CODE(ocitar_archive_begin(&f->archive, &a), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&f->layout, &f->archive, desc), OCITAR_OK);
}

static void start(fixture *f, int kind, const ocitar_layout_desc *desc)
{
    start_with(f, kind, desc, NULL, NULL);
}

static void stop(fixture *f)
{
    CHECK(f->out.empty == 0);
    ocitar_spool_end(&f->spool);
    free(f->out.sink.data);
}

/* The end of a test whose archive is whole and has `entries` entries. */
static void stop_whole(fixture *f, int entries)
{
    CHECK_CODE(ocitar_archive_finish(&f->archive), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f->archive), OCITAR_OK);
    CHECK(tar_count(&f->out.sink) == entries);
    CHECK(ocitar_archive_size(&f->archive) == f->out.sink.len);
    stop(f);
}

/* ... and of one whose archive can't be finished. */
static void stop_poisoned(fixture *f, int code)
{
    CHECK_CODE(ocitar_archive_finish(&f->archive), code);
    CHECK_CODE(ocitar_archive_abandon(&f->archive), code);
    CHECK_CODE(ocitar_file_put(&f->layout, "late", 0, 0644, "x", 1), code);
    CHECK_CODE(ocitar_archive_finish(&f->archive), code);
    CHECK(ocitar_archive_error(&f->archive)->code == code);
    stop(f);
}

static const ocitar_error *error_of(const fixture *f)
{
    return ocitar_archive_error(&f->archive);
}

/* Bytes that are not alike, and where a digest says where they lie. */
static unsigned char content[70001];

static void content_fill(void)
{
    size_t i;

    for (i = 0; i < sizeof content; i++)
        content[i] = (unsigned char)(i * 131 + 7 + i / 256);
}

static ocitar_digest digest_of(const void *data, size_t len)
{
    ocitar_digest d;

    CHECK_CODE(ocitar_digest_of(&d, OCITAR_SHA256, data, len), OCITAR_OK);
    return d;
}

static void blob_path(char out[160], const ocitar_digest *d)
{
    char text[OCITAR_DIGEST_TEXT_MAX];

    ocitar_digest_format(d, text);
    text[6] = '/';
    snprintf(out, 160, "blobs/%s", text);
}

static int has_blob(const check_sink *s, const void *data, size_t len)
{
    ocitar_digest d = digest_of(data, len);
    char path[160];
    item it;

    blob_path(path, &d);
    return tar_find(s, path, &it) == 1 && it.type == '0' && it.mode == 0444 &&
           it.size == len && memcmp(it.body, data, len) == 0;
}

static ocitar_wait wait_in(fixture *f, uint8_t way, const void *data,
                           size_t len)
{
    ocitar_wait w = OCITAR_ZERO;

    w.spool = &f->spool;
    w.way = way;
    w.size = len;
    w.digest = digest_of(data, len);
    return w;
}

/* Begins a blob that will have, or claims to have, these bytes. */
static int blob_start(fixture *f, ocitar_blob *b, uint8_t way,
                      const void *data, size_t len)
{
    ocitar_wait w = wait_in(f, way, data, len);

    return ocitar_blob_begin(b, &f->layout, 0, &w);
}

static int blob_feed(ocitar_blob *b, const unsigned char *p, size_t len,
                     size_t piece)
{
    int e = OCITAR_OK;

    for (; len > 0 && e == OCITAR_OK; p += piece, len -= piece) {
        piece = piece < len ? piece : len;
        e = ocitar_blob_write(b, p, piece);
    }
    return e;
}

static int blob_whole(fixture *f, uint8_t way, const void *data, size_t len)
{
    ocitar_blob b;
    int e = blob_start(f, &b, way, data, len);

    if (e == OCITAR_OK)
        e = blob_feed(&b, (const unsigned char *)data, len, 1000);
    if (e == OCITAR_OK)
        e = ocitar_blob_commit(&b, len, NULL);
    ocitar_blob_close(&b);
    return e;
}

/* ---- init, remove, reader ---- */

static void test_init(void)
{
    fixture f;
    size_t at = 0;
    item it;

    start(&f, PUT_ONLY, NULL);
    CHECK_CODE(ocitar_layout_init(&f.layout), OCITAR_OK);
    CHECK(ocitar_archive_size(&f.archive) == 1024);
    CHECK_CODE(ocitar_layout_init(&f.layout), OCITAR_E_STATE);
    CHECK(ocitar_archive_size(&f.archive) == 1024);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    at = 0;
    CHECK(tar_next(&f.out.sink, &at, &it) && it.type == '5' &&
          strcmp(it.name, "blobs/") == 0 && it.mode == 0755);
    CHECK(tar_next(&f.out.sink, &at, &it) && it.type == '5' &&
          strcmp(it.name, "blobs/sha256/") == 0 && it.mode == 0755);
    stop_whole(&f, 2);
}

static void test_init_algorithms(void)
{
    static const char *const names[] = { "blobs/", "blobs/sha256/",
                                         "blobs/sha384/", "blobs/sha512/" };
    ocitar_layout_desc d = OCITAR_ZERO;
    fixture f;
    size_t at = 0, i;
    item it;

    d.algorithms = OCITAR_SHA512 | OCITAR_SHA384;
    start(&f, PUT_ONLY, &d);
    CHECK_CODE(ocitar_layout_init(&f.layout), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    for (i = 0; i < 4; i++)
        CHECK(tar_next(&f.out.sink, &at, &it) &&
              strcmp(it.name, names[i]) == 0 && it.type == '5');
    stop_whole(&f, 4);
}

static void test_remove_reader(void)
{
    ocitar_source source = OCITAR_ZERO;
    fixture f;

    start(&f, PUT_ONLY, NULL);
    CHECK_CODE(ocitar_layout_remove(&f.layout, "x"), OCITAR_E_UNSUPPORTED);
    CHECK_CODE(ocitar_layout_reader(&f.layout, "x", &source),
               OCITAR_E_UNSUPPORTED);
    CHECK_CODE(ocitar_layout_remove(&f.layout, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layout_reader(&f.layout, NULL, &source), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layout_reader(&f.layout, "x", NULL), OCITAR_E_ARG);
    stop_whole(&f, 0);
}

static void test_layout_begin_arguments(void)
{
    ocitar_layout_desc d = OCITAR_ZERO;
    ocitar_archive dead;
    ocitar_layout l;

    memset(&dead, 0, sizeof dead);
    CHECK_CODE(ocitar_layout_begin(&l, &dead, NULL), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layout_begin(&l, NULL, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layout_begin(&l, NULL, &d), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layout_init(&l), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layout_begin(NULL, &dead, NULL), OCITAR_E_ARG);
}

/* ---- files ---- */

static void test_file(void)
{
    ocitar_file file;
    fixture f;
    item it;

    start(&f, PUT_ONLY, NULL);
    CHECK_CODE(ocitar_file_begin(&file, &f.layout, "dir/name-and-more", 8,
                                 04751, &f.spool), OCITAR_OK);
    CHECK_CODE(ocitar_file_write(&file, content, 700), OCITAR_OK);
    CHECK_CODE(ocitar_file_write(&file, NULL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_file_write(&file, content + 700, 1), OCITAR_OK);
    CHECK(ocitar_archive_size(&f.archive) == 0);
    CHECK_CODE(ocitar_file_close(&file), OCITAR_OK);
    CHECK(ocitar_archive_size(&f.archive) == 512 + 1024);
    CHECK_CODE(ocitar_file_close(&file), OCITAR_E_STATE);
    CHECK_CODE(ocitar_file_write(&file, "x", 1), OCITAR_E_STATE);
    CHECK_CODE(ocitar_file_abandon(&file), OCITAR_E_STATE);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    CHECK(tar_find(&f.out.sink, "dir/name", &it) == 1 && it.size == 701 &&
          it.mode == 04751 && it.type == '0' &&
          memcmp(it.body, content, 701) == 0);
    stop_whole(&f, 1);
}

static void test_file_spool_is_used_again(void)
{
    ocitar_file a, b;
    fixture f;
    item it;

    start(&f, PUT_ONLY, NULL);
    CHECK_CODE(ocitar_file_begin(&a, &f.layout, "a", 0, 0600, &f.spool),
               OCITAR_OK);
    CHECK_CODE(ocitar_file_write(&a, "first", 5), OCITAR_OK);
    CHECK_CODE(ocitar_file_begin(&b, &f.layout, "b", 0, 0600, &f.spool),
               OCITAR_E_BUSY);
    CHECK_CODE(ocitar_file_close(&b), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_file_abandon(&b), OCITAR_OK);
    CHECK_CODE(ocitar_file_close(&a), OCITAR_OK);
    CHECK_CODE(ocitar_file_begin(&b, &f.layout, "b", 0, 0600, &f.spool),
               OCITAR_OK);
    CHECK_CODE(ocitar_file_close(&b), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    CHECK(tar_find(&f.out.sink, "a", &it) == 1 && it.size == 5);
    CHECK(tar_find(&f.out.sink, "b", &it) == 1 && it.size == 0);
    stop_whole(&f, 2);
}

static void test_file_abandon(void)
{
    ocitar_file file;
    fixture f;

    start(&f, PUT_ONLY, NULL);
    CHECK_CODE(ocitar_file_begin(&file, &f.layout, "a", 0, 0600, &f.spool),
               OCITAR_OK);
    CHECK_CODE(ocitar_file_write(&file, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_file_abandon(&file), OCITAR_OK);
    CHECK_CODE(ocitar_file_abandon(&file), OCITAR_E_STATE);
    CHECK_CODE(ocitar_file_write(&file, "x", 1), OCITAR_E_STATE);
    CHECK_CODE(ocitar_file_close(&file), OCITAR_E_STATE);
    stop_whole(&f, 0);
}

/* Bytes that are not there are an error of the file, and it sticks. */
static void test_file_of_nothing(void)
{
    ocitar_file file;
    ocitar_blob b;
    fixture f;

    start(&f, PATCHABLE, NULL);
    CHECK_CODE(ocitar_file_begin(&file, &f.layout, "a", 0, 0600, &f.spool),
               OCITAR_OK);
    CHECK_CODE(ocitar_file_write(&file, NULL, 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_file_close(&file), OCITAR_E_ARG);
    CHECK_CODE(ocitar_file_abandon(&file), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&b, &f.layout, 0, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, NULL, 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_commit(&b, 0, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    stop_whole(&f, 0);
}

/* A file that can't be closed: finish says so until it is abandoned. */
static void refuse_name(const char *name, size_t len)
{
    ocitar_file file;
    fixture f;

    start(&f, PUT_ONLY, NULL);
    CHECK_CODE(ocitar_file_begin(&file, &f.layout, name, len, 0644, &f.spool),
               OCITAR_OK);
    CHECK_CODE(ocitar_file_write(&file, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_file_close(&file), OCITAR_E_NAME);
    CHECK_CODE(ocitar_file_close(&file), OCITAR_E_NAME);
    CHECK_CODE(ocitar_file_write(&file, "x", 1), OCITAR_E_NAME);
    CHECK(ocitar_archive_size(&f.archive) == 0);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_NAME);
    CHECK(error_of(&f)->code == OCITAR_E_NAME &&
          error_of(&f)->subject != NULL);
    CHECK_CODE(ocitar_file_abandon(&file), OCITAR_OK);
    CHECK(error_of(&f)->code == OCITAR_OK);
    CHECK_CODE(ocitar_file_put(&f.layout, name, len, 0644, "x", 1),
               OCITAR_E_NAME);
    CHECK(ocitar_archive_size(&f.archive) == 0);
    CHECK_CODE(ocitar_file_put(&f.layout, "good", 0, 0644, "x", 1),
               OCITAR_OK);
    stop_whole(&f, 1);
}

static void test_file_names_refused(void)
{
    static const char *const names[] = {
        "", "/", "/etc/passwd", "..", "../x", "a/..", "a/../b", "a/../../b",
        "a/b/..", "./..", "a//..", "file/", "..//"
    };
    size_t i;

    for (i = 0; i < sizeof names / sizeof names[0]; i++)
        refuse_name(names[i], 0);
    refuse_name(NULL, 0);
    refuse_name("a\0b", 3);
    refuse_name("a/..x", 4);
}

static void test_file_names_taken(void)
{
    static const char *const names[] = { ".", "..a", "a..", "...", "a/..b",
                                         "./a", "a//b", "a/.../b", "a/b../c",
                                         "\xC3\xA9" };
    size_t i, n = sizeof names / sizeof names[0];
    fixture f;
    item it;

    start(&f, PUT_ONLY, NULL);
    for (i = 0; i + 1 < n; i++)
        CHECK_CODE(ocitar_file_put(&f.layout, names[i], 0, 0644, "x", 1),
                   OCITAR_OK);
    CHECK_CODE(ocitar_file_put(&f.layout, "a/..x", 5, 0644, "x", 1),
               OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    for (i = 0; i + 1 < n; i++)
        CHECK(tar_find(&f.out.sink, names[i], &it) == 1 && it.size == 1);
    stop_whole(&f, (int)n);
}

static void test_file_put(void)
{
    fixture f;
    item it;

    start(&f, PUT_ONLY, NULL);
    CHECK_CODE(ocitar_file_put(&f.layout, "empty", 0, 0, NULL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_file_put(&f.layout, "name", 2, 07777, content, 513),
               OCITAR_OK);
    CHECK_CODE(ocitar_file_put(&f.layout, "x", 0, 0644, NULL, 1),
               OCITAR_E_ARG);
    CHECK_CODE(ocitar_file_put(NULL, "x", 0, 0644, "x", 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_file_put(&f.layout, "x", 0, 010000000, "x", 1),
               OCITAR_E_RANGE);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    CHECK(tar_find(&f.out.sink, "empty", &it) == 1 && it.size == 0 &&
          it.mode == 0);
    CHECK(tar_find(&f.out.sink, "na", &it) == 1 && it.size == 513 &&
          it.mode == 07777 && memcmp(it.body, content, 513) == 0);
    CHECK_CODE(ocitar_file_put(&f.layout, "x", 0, 0644, "x", 1),
               OCITAR_E_STATE);
    stop_whole(&f, 2);
}

static void test_file_spool_full(void)
{
    ocitar_spool small;
    unsigned char room[10];
    ocitar_file file;
    fixture f;

    start(&f, PUT_ONLY, NULL);
    CHECK_CODE(ocitar_spool_begin_buffer(&small, room, sizeof room),
               OCITAR_OK);
    CHECK_CODE(ocitar_file_begin(&file, &f.layout, "a", 0, 0600, &small),
               OCITAR_OK);
    CHECK_CODE(ocitar_file_write(&file, content, 10), OCITAR_OK);
    CHECK_CODE(ocitar_file_write(&file, content, 1), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_file_write(&file, content, 1), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_file_close(&file), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_file_abandon(&file), OCITAR_OK);
    stop_whole(&f, 0);
}

static void test_file_without_spool(void)
{
    ocitar_spool none;
    ocitar_file file;
    fixture f;

    memset(&none, 0, sizeof none);
    start(&f, PUT_ONLY, NULL);
    CHECK_CODE(ocitar_file_begin(&file, &f.layout, "a", 0, 0600, NULL),
               OCITAR_E_ARG);
    CHECK_CODE(ocitar_file_write(&file, "x", 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_ARG);
    CHECK_CODE(ocitar_file_abandon(&file), OCITAR_OK);
    CHECK_CODE(ocitar_file_begin(&file, &f.layout, "a", 0, 0600, &none),
               OCITAR_E_ARG);
    CHECK_CODE(ocitar_file_abandon(&file), OCITAR_OK);
    stop_whole(&f, 0);
}

/* ---- spools that fail ---- */

typedef struct store {
    unsigned char data[4096];
    size_t len;
    int append_code, load_code, reset_code, resets;
} store;

static int store_append(void *user, const void *data, size_t len)
{
    store *s = (store *)user;

    if (s->append_code != 0 || len > sizeof s->data - s->len)
        return s->append_code != 0 ? s->append_code : 99;
    memcpy(s->data + s->len, data, len);
    s->len += len;
    return 0;
}

static int store_load(void *user, uint64_t offset, void *out, size_t len)
{
    store *s = (store *)user;

    if (s->load_code != 0 || offset + len > s->len)
        return s->load_code != 0 ? s->load_code : 99;
    memcpy(out, s->data + offset, len);
    return 0;
}

static int store_reset(void *user)
{
    store *s = (store *)user;

    s->resets++;
    if (s->reset_code == 0)
        s->len = 0;
    return s->reset_code;
}

static void *heap_none(void *user, void *old, size_t old_size, size_t size)
{
    (void)user;
    (void)old;
    (void)old_size;
    (void)size;
    return NULL;
}

static void test_spool_in_a_store(void)
{
    static unsigned char room[100];
    ocitar_store io = { store_append, store_load, store_reset, NULL };
    ocitar_spool_desc d = OCITAR_ZERO;
    static store s;
    fixture f;

    memset(&s, 0, sizeof s);
    io.user = &s;
    start(&f, PUT_ONLY, NULL);
    d.buffer = room;
    d.buffer_size = sizeof room;
    d.store = &io;
    CHECK_CODE(ocitar_spool_begin(&f.spool, &d), OCITAR_OK);
    CHECK_CODE(blob_whole(&f, OCITAR_WAIT_SPOOL, content, 3000), OCITAR_OK);
    CHECK(s.resets == 1);
    CHECK_CODE(blob_whole(&f, OCITAR_WAIT_SPOOL, content + 9, 2999),
               OCITAR_OK);
    CHECK(s.resets == 2 && s.len == 0);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    CHECK(has_blob(&f.out.sink, content, 3000));
    CHECK(has_blob(&f.out.sink, content + 9, 2999));
    stop_whole(&f, 2);
}

static void test_spool_store_fails(void)
{
    ocitar_store io = { store_append, store_load, store_reset, NULL };
    ocitar_spool_desc d = OCITAR_ZERO;
    static store s;
    ocitar_blob b;
    fixture f;

    memset(&s, 0, sizeof s);
    io.user = &s;
    s.append_code = 71;
    start(&f, PATCHABLE, NULL);
    d.store = &io;
    CHECK_CODE(ocitar_spool_begin(&f.spool, &d), OCITAR_OK);
    CHECK_CODE(blob_start(&f, &b, OCITAR_WAIT_SPOOL, content, 1000),
               OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, content, 1000), OCITAR_E_SPOOL);
    CHECK(error_of(&f)->user_code == 71);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    s.append_code = 0;
    s.load_code = 72;
    CHECK_CODE(blob_start(&f, &b, OCITAR_WAIT_SPOOL, content, 1000),
               OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, content, 1000), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&b, 1000, NULL), OCITAR_E_SPOOL);
    CHECK(error_of(&f)->user_code == 72);
    CHECK(ocitar_archive_size(&f.archive) == 0); /* taken back */
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_SPOOL);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    stop_whole(&f, 0);
}

/* What the store still holds must not get into the next blob. */
static void test_spool_store_is_stale(void)
{
    ocitar_store io = { store_append, store_load, store_reset, NULL };
    ocitar_spool_desc d = OCITAR_ZERO;
    static store s;
    ocitar_file file;
    ocitar_blob b;
    fixture f;

    memset(&s, 0, sizeof s);
    io.user = &s;
    start(&f, PATCHABLE, NULL);
    d.store = &io;
    CHECK_CODE(ocitar_spool_begin(&f.spool, &d), OCITAR_OK);
    s.reset_code = 74;
    CHECK_CODE(blob_whole(&f, OCITAR_WAIT_SPOOL, "one", 3), OCITAR_OK);
    CHECK_CODE(blob_start(&f, &b, OCITAR_WAIT_SPOOL, "", 0), OCITAR_E_SPOOL);
    CHECK(error_of(&f)->user_code == 74 && s.resets == 2);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    CHECK_CODE(ocitar_file_begin(&file, &f.layout, "f", 0, 0644, &f.spool),
               OCITAR_E_SPOOL);
    CHECK(error_of(&f)->user_code == 74);
    CHECK_CODE(ocitar_file_abandon(&file), OCITAR_OK);
    s.reset_code = 0;
    CHECK_CODE(blob_whole(&f, OCITAR_WAIT_SPOOL, "three", 5), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    CHECK(has_blob(&f.out.sink, "one", 3));
    CHECK(has_blob(&f.out.sink, "three", 5));
    stop_whole(&f, 2);
}

/* A store that fails after half of the blob went out for good. */
static void test_spool_store_fails_too_late(void)
{
    static unsigned char room[2000];
    ocitar_store io = { store_append, store_load, store_reset, NULL };
    ocitar_spool_desc d = OCITAR_ZERO;
    static store s;
    ocitar_file file;
    fixture f;

    memset(&s, 0, sizeof s);
    io.user = &s;
    s.load_code = 73;
    start(&f, PUT_ONLY, NULL);
    d.buffer = room;
    d.buffer_size = sizeof room;
    d.store = &io;
    CHECK_CODE(ocitar_spool_begin(&f.spool, &d), OCITAR_OK);
    CHECK_CODE(ocitar_file_begin(&file, &f.layout, "a", 0, 0644, &f.spool),
               OCITAR_OK);
    CHECK_CODE(ocitar_file_write(&file, content, 3000), OCITAR_OK);
    CHECK_CODE(ocitar_file_close(&file), OCITAR_E_SPOOL);
    CHECK(error_of(&f)->user_code == 73);
    CHECK_CODE(ocitar_file_abandon(&file), OCITAR_E_SPOOL);
    CHECK(error_of(&f)->user_code == 73);
    stop_poisoned(&f, OCITAR_E_SPOOL);
}

static void test_spool_without_memory(void)
{
    ocitar_allocator none = { heap_none, NULL };
    ocitar_spool_desc d = OCITAR_ZERO;
    ocitar_file file;
    fixture f;

    start(&f, PUT_ONLY, NULL);
    d.allocator = &none;
    CHECK_CODE(ocitar_spool_begin(&f.spool, &d), OCITAR_OK);
    CHECK_CODE(ocitar_file_begin(&file, &f.layout, "a", 0, 0644, &f.spool),
               OCITAR_OK);
    CHECK_CODE(ocitar_file_write(&file, "x", 1), OCITAR_E_MEMORY);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_MEMORY);
    CHECK_CODE(ocitar_file_abandon(&file), OCITAR_OK);
    stop_whole(&f, 0);
}

/* ---- blobs: the same bytes in every way ---- */

static const size_t sizes[] = { 0, 1, 511, 512, 513, 10000, 70000 };

static int same_output(const fixture *a, const fixture *b)
{
    return a->out.sink.len == b->out.sink.len &&
           memcmp(a->out.sink.data, b->out.sink.data, a->out.sink.len) == 0;
}

/* A source over memory, that can also misbehave in its second reading. */
typedef struct script {
    const unsigned char *data;
    size_t len, at, second_len, largest;
    int pass, fail_pass, code, rewind_code, flip;
} script;

static int script_get(void *user, void *out, size_t capacity, size_t *len)
{
    script *s = (script *)user;
    size_t end = s->pass > 0 ? s->second_len : s->len, n = end - s->at;

    if (s->fail_pass == s->pass + 1 && s->at > 0)
        return s->code;
    if (n > capacity)
        n = capacity;
    if (n > s->largest)
        n = s->largest;
    if (n > 0)
        memcpy(out, s->data + s->at, n);
    if (s->flip && s->pass > 0 && n > 0)
        ((unsigned char *)out)[0] ^= 1;
    s->at += n;
    *len = n;
    return 0;
}

static int script_rewind(void *user)
{
    script *s = (script *)user;

    s->at = 0;
    s->pass++;
    return s->rewind_code;
}

static ocitar_source script_of(script *s, const void *data, size_t len)
{
    ocitar_source source = OCITAR_ZERO;

    source.get_fn = script_get;
    source.rewind_fn = script_rewind;
    memset(s, 0, sizeof *s);
    s->data = (const unsigned char *)data;
    s->len = s->second_len = len;
    s->largest = 300;
    source.user = s;
    return source;
}

static int copy_of(fixture *f, const ocitar_source *source)
{
    unsigned char buffer[1000];

    return ocitar_blob_copy(&f->layout, 0, source, buffer, sizeof buffer,
                            NULL, NULL);
}

static void emit_one(fixture *f, int way, size_t size)
{
    ocitar_source source = OCITAR_ZERO;
    script s;

    if (way < 5) {
        CHECK_CODE(blob_whole(f, (uint8_t)way, content, size), OCITAR_OK);
    } else {
        source = script_of(&s, content, size);
        CHECK_CODE(copy_of(f, &source), OCITAR_OK);
    }
    CHECK_CODE(ocitar_archive_finish(&f->archive), OCITAR_OK);
}

static void test_blob_ways_are_equal(void)
{
    static const int ways[] = { OCITAR_WAIT_AUTO, OCITAR_WAIT_SPOOL,
                                OCITAR_WAIT_PATCH, OCITAR_WAIT_KNOWN, 5 };
    fixture want, got;
    ocitar_digest d;
    size_t i, j;

    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        start(&want, PUT_ONLY, NULL);
        CHECK_CODE(ocitar_blob_put(&want.layout, 0, content, sizes[i], &d),
                   OCITAR_OK);
        CHECK_CODE(ocitar_archive_finish(&want.archive), OCITAR_OK);
        CHECK(has_blob(&want.out.sink, content, sizes[i]));
        for (j = 0; j < sizeof ways / sizeof ways[0]; j++) {
            start(&got, PATCHABLE, NULL);
            emit_one(&got, ways[j], sizes[i]);
            CHECK(same_output(&want, &got));
            stop_whole(&got, 1);
        }
        start(&got, PUT_ONLY, NULL);
        emit_one(&got, OCITAR_WAIT_KNOWN, sizes[i]);
        CHECK(same_output(&want, &got));
        stop_whole(&got, 1);
        stop_whole(&want, 1);
    }
}

/* The longer names of these need pax records, patched as well. */
static void test_blob_algorithms(void)
{
    static const uint8_t all[] = { OCITAR_SHA256, OCITAR_SHA384,
                                   OCITAR_SHA512 };
    ocitar_wait w = OCITAR_ZERO;
    fixture f, want;
    ocitar_digest d;
    ocitar_blob b;
    char path[160];
    item it;
    size_t i;

    w.way = OCITAR_WAIT_PATCH;
    for (i = 0; i < 3; i++) {
        start(&f, PATCHABLE, NULL);
        CHECK_CODE(ocitar_blob_begin(&b, &f.layout, all[i], &w), OCITAR_OK);
        CHECK_CODE(ocitar_blob_write(&b, content, 5000), OCITAR_OK);
        CHECK_CODE(ocitar_blob_commit(&b, 5000, NULL), OCITAR_OK);
        CHECK_CODE(ocitar_blob_digest(&b, &d), OCITAR_OK);
        CHECK(d.algorithm == all[i]);
        CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
        blob_path(path, &d);
        CHECK(tar_find(&f.out.sink, path, &it) == 1 && it.size == 5000);
        start(&want, PUT_ONLY, NULL);
        CHECK_CODE(ocitar_blob_put(&want.layout, all[i], content, 5000, NULL),
                   OCITAR_OK);
        CHECK_CODE(ocitar_archive_finish(&want.archive), OCITAR_OK);
        CHECK(same_output(&want, &f));
        stop_whole(&want, 1);
        stop_whole(&f, 1);
    }
}

static void test_blob_put_arguments(void)
{
    ocitar_digest d;
    fixture f;

    start(&f, PUT_ONLY, NULL);
    CHECK_CODE(ocitar_blob_put(NULL, 0, "x", 1, &d), OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_put(&f.layout, 0, NULL, 1, &d), OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_put(&f.layout, 3, "x", 1, &d),
               OCITAR_E_UNSUPPORTED);
    CHECK_CODE(ocitar_blob_put(&f.layout, 0, "x", 1, &d), OCITAR_OK);
    CHECK(d.algorithm == OCITAR_SHA256);
    stop_whole(&f, 1);
}

/* ---- blobs: begin ---- */

static void refuse_begin(int kind, uint8_t algorithm, const ocitar_wait *w,
                         int code)
{
    ocitar_blob b;
    fixture f;

    start(&f, kind, NULL);
    CHECK_CODE(ocitar_blob_begin(&b, &f.layout, algorithm, w), code);
    CHECK_CODE(ocitar_blob_write(&b, "x", 1), code);
    CHECK_CODE(ocitar_blob_commit(&b, 1, NULL), code);
    CHECK(ocitar_archive_size(&f.archive) == 0);
    CHECK_CODE(ocitar_archive_finish(&f.archive), code);
    CHECK(error_of(&f)->code == code);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_E_STATE);
    stop_whole(&f, 0);
}

static void test_blob_begin_refused(void)
{
    ocitar_wait w = OCITAR_ZERO;

    w.way = OCITAR_WAIT_PATCH;
    refuse_begin(PUT_ONLY, 0, &w, OCITAR_E_UNSUPPORTED);
    refuse_begin(PATCHABLE, 8, &w, OCITAR_E_UNSUPPORTED);
    refuse_begin(PATCHABLE, 3, &w, OCITAR_E_UNSUPPORTED);
    w.way = OCITAR_WAIT_SPOOL;
    refuse_begin(PUT_ONLY, 0, &w, OCITAR_E_ARG);
    w.way = 5;
    refuse_begin(PATCHABLE, 0, &w, OCITAR_E_ARG);
    w.way = OCITAR_WAIT_REHEARSE; /* the layout has none */
    refuse_begin(PATCHABLE, 0, &w, OCITAR_E_ARG);
    w.way = OCITAR_WAIT_KNOWN; /* no digest */
    refuse_begin(PATCHABLE, 0, &w, OCITAR_E_ARG);
    w.digest = digest_of("x", 1);
    refuse_begin(PATCHABLE, OCITAR_SHA512, &w, OCITAR_E_ARG);
    w.size = OCITAR_SIZE_UNKNOWN;
    refuse_begin(PATCHABLE, 0, &w, OCITAR_E_RANGE);
    w.size = (uint64_t)INT64_MAX + 1;
    refuse_begin(PATCHABLE, 0, &w, OCITAR_E_RANGE);
}

static void test_blob_auto(void)
{
    ocitar_blob patched, spooled;
    fixture f;

    start(&f, PATCHABLE, NULL);
    CHECK_CODE(blob_start(&f, &patched, OCITAR_WAIT_AUTO, "", 0), OCITAR_OK);
    CHECK(ocitar_archive_size(&f.archive) == 512); /* a placeholder is out */
    CHECK_CODE(blob_start(&f, &spooled, OCITAR_WAIT_AUTO, "", 0), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&spooled, "spooled", 7), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&patched, "patched", 7), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&patched, 7, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&spooled, 7, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    CHECK(has_blob(&f.out.sink, "patched", 7));
    CHECK(has_blob(&f.out.sink, "spooled", 7));
    stop_whole(&f, 2);
    start(&f, PUT_ONLY, NULL);
    CHECK_CODE(blob_start(&f, &spooled, OCITAR_WAIT_AUTO, "", 0), OCITAR_OK);
    CHECK(ocitar_archive_size(&f.archive) == 0);
    CHECK_CODE(ocitar_blob_close(&spooled), OCITAR_OK);
    stop_whole(&f, 0);
}

/* No `wait` is AUTO without a spool. */
static void test_blob_auto_without_spool(void)
{
    ocitar_blob b;
    fixture f;
    int e;

    start(&f, PATCHABLE, NULL);
    CHECK_CODE(ocitar_blob_begin(&b, &f.layout, 0, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&b, 1, NULL), OCITAR_OK);
    stop_whole(&f, 1);
    start(&f, PUT_ONLY, NULL);
    e = ocitar_blob_begin(&b, &f.layout, 0, NULL);
    CHECK(e == OCITAR_E_ARG || e == OCITAR_E_UNSUPPORTED);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    stop_whole(&f, 0);
}

/* There is no fifth way, whatever else is given. */
static void test_blob_way_unknown(void)
{
    ocitar_blob b;
    fixture f;
    int way;

    for (way = 5; way < 256; way += 50) {
        start(&f, PATCHABLE, NULL);
        CHECK_CODE(blob_start(&f, &b, (uint8_t)way, "", 0), OCITAR_E_ARG);
        CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
        CHECK_CODE(blob_whole(&f, OCITAR_WAIT_SPOOL, "", 0), OCITAR_OK);
        stop_whole(&f, 1);
    }
}

/* ---- blobs: commit ---- */

typedef struct verdict {
    size_t written;
    uint64_t size;
    const char *digest; /* "right", "wrong", or as it stands */
    int code;
} verdict;

static const char *digest_text(const char *which, size_t len,
                               char out[OCITAR_DIGEST_TEXT_MAX])
{
    ocitar_digest d = digest_of(content, len);

    if (which == NULL || (strcmp(which, "right") != 0 &&
                          strcmp(which, "wrong") != 0))
        return which;
    if (which[0] == 'w')
        d.bytes[31] ^= 1;
    ocitar_digest_format(&d, out);
    return out;
}

static void check_verdict(uint8_t way, const verdict *v)
{
    char text[OCITAR_DIGEST_TEXT_MAX];
    const char *expected = digest_text(v->digest, v->written, text);
    ocitar_blob b;
    fixture f;

    start(&f, PATCHABLE, NULL);
    CHECK_CODE(ocitar_file_put(&f.layout, "before", 0, 0644, "x", 1),
               OCITAR_OK);
    CHECK_CODE(blob_start(&f, &b, way, content, v->written), OCITAR_OK);
    CHECK_CODE(blob_feed(&b, content, v->written, 700), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&b, v->size, expected), v->code);
    if (v->code == OCITAR_OK) {
        CHECK_CODE(ocitar_blob_commit(&b, v->size, expected), OCITAR_E_STATE);
        CHECK_CODE(ocitar_blob_write(&b, "x", 1), OCITAR_E_STATE);
        CHECK_CODE(ocitar_blob_write(&b, NULL, 0), OCITAR_E_STATE);
    } else {
        CHECK(ocitar_archive_size(&f.archive) == 1024);
        CHECK_CODE(ocitar_blob_commit(&b, v->written, NULL), v->code);
        CHECK_CODE(ocitar_blob_write(&b, "x", 1), v->code);
        CHECK_CODE(ocitar_archive_finish(&f.archive), v->code);
        CHECK(error_of(&f)->code == v->code);
    }
    if (v->code == OCITAR_E_SIZE)
        CHECK(error_of(&f)->expected_size == v->size &&
              error_of(&f)->actual_size == v->written);
    if (v->code == OCITAR_E_DIGEST)
        CHECK(error_of(&f)->expected.bytes[31] ==
              (error_of(&f)->actual.bytes[31] ^ 1));
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    CHECK_CODE(ocitar_file_put(&f.layout, "after", 0, 0644, "x", 1),
               OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    CHECK(has_blob(&f.out.sink, content, v->written) == !v->code);
    stop_whole(&f, v->code == OCITAR_OK ? 3 : 2);
}

static void test_blob_commit(void)
{
    static const verdict all[] = {
        { 700, 700, NULL, OCITAR_OK },
        { 700, 700, "right", OCITAR_OK },
        { 700, OCITAR_SIZE_UNKNOWN, NULL, OCITAR_OK },
        { 700, OCITAR_SIZE_UNKNOWN, "right", OCITAR_OK },
        { 0, 0, NULL, OCITAR_OK },
        { 0, 0, "right", OCITAR_OK },
        { 0, OCITAR_SIZE_UNKNOWN, NULL, OCITAR_OK },
        { 700, 699, NULL, OCITAR_E_SIZE },
        { 700, 701, "right", OCITAR_E_SIZE },
        { 700, 0, NULL, OCITAR_E_SIZE },
        { 700, 0, "right", OCITAR_E_SIZE },
        { 0, 1, NULL, OCITAR_E_SIZE },
        { 700, INT64_MAX, NULL, OCITAR_E_SIZE },
        { 700, 699, "wrong", OCITAR_E_SIZE },
        { 700, 700, "wrong", OCITAR_E_DIGEST },
        { 700, OCITAR_SIZE_UNKNOWN, "wrong", OCITAR_E_DIGEST },
        { 700, 700, "", OCITAR_E_ARG },
        { 700, 700, "sha256", OCITAR_E_ARG },
        { 700, 700, "sha256:0123", OCITAR_E_ARG },
        { 700, 699, "sha256:0123", OCITAR_E_ARG },
        { 700, 700, "blake3:0123", OCITAR_E_UNSUPPORTED },
        { 70000, 69999, NULL, OCITAR_E_SIZE },
        { 70000, 70000, "wrong", OCITAR_E_DIGEST }
    };
    size_t i;

    for (i = 0; i < sizeof all / sizeof all[0]; i++) {
        check_verdict(OCITAR_WAIT_SPOOL, &all[i]);
        check_verdict(OCITAR_WAIT_PATCH, &all[i]);
        check_verdict(OCITAR_WAIT_KNOWN, &all[i]);
    }
}

static void test_blob_commit_of_another_algorithm(void)
{
    ocitar_digest d;
    char text[OCITAR_DIGEST_TEXT_MAX];
    ocitar_blob b;
    fixture f;

    start(&f, PATCHABLE, NULL);
    CHECK_CODE(ocitar_digest_of(&d, OCITAR_SHA512, "x", 1), OCITAR_OK);
    ocitar_digest_format(&d, text);
    CHECK_CODE(blob_start(&f, &b, OCITAR_WAIT_SPOOL, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&b, 1, text), OCITAR_E_DIGEST);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    stop_whole(&f, 0);
}

/* What was announced as KNOWN is enforced too. */
static void known_breaks(int kind, size_t written, size_t announced, int flip,
                         int code)
{
    ocitar_wait w;
    ocitar_blob b;
    fixture f;
    int e;

    start(&f, kind, NULL);
    w = wait_in(&f, OCITAR_WAIT_KNOWN, content, announced);
    w.digest.bytes[0] ^= (uint8_t)flip;
    CHECK_CODE(ocitar_blob_begin(&b, &f.layout, 0, &w), OCITAR_OK);
    e = blob_feed(&b, content, written, 1000);
    if (e == OCITAR_OK)
        e = ocitar_blob_commit(&b, OCITAR_SIZE_UNKNOWN, NULL);
    CHECK_CODE(e, code);
    CHECK(error_of(&f)->code == code);
    if (code == OCITAR_E_SIZE) {
        CHECK(error_of(&f)->expected_size == announced);
        CHECK(written > announced ? error_of(&f)->actual_size > announced
                                  : error_of(&f)->actual_size == written);
    }
    if (kind == PATCHABLE) {
        CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
        CHECK(ocitar_archive_size(&f.archive) == 0);
        stop_whole(&f, 0);
    } else {
        CHECK_CODE(ocitar_blob_close(&b), code);
        CHECK(error_of(&f)->code == code);
        stop_poisoned(&f, code);
    }
}

static void test_blob_known_is_enforced(void)
{
    int kind;

    for (kind = PUT_ONLY; kind <= PATCHABLE; kind++) {
        known_breaks(kind, 999, 1000, 0, OCITAR_E_SIZE);
        known_breaks(kind, 1001, 1000, 0, OCITAR_E_SIZE);
        known_breaks(kind, 5000, 1000, 0, OCITAR_E_SIZE);
        known_breaks(kind, 1, 0, 0, OCITAR_E_SIZE);
        known_breaks(kind, 1000, 1000, 1, OCITAR_E_DIGEST);
        known_breaks(kind, 0, 0, 1, OCITAR_E_DIGEST);
        known_breaks(kind, 999, 1000, 1, OCITAR_E_SIZE);
    }
}

/* Bytes that are still in the buffer can be taken back from any sink. */
static void test_blob_known_in_the_buffer(void)
{
    static unsigned char buffer[65536];
    ocitar_archive_desc a = OCITAR_ZERO;
    memory out;
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_wait w = OCITAR_ZERO;
    ocitar_blob b;

    memset(&out, 0, sizeof out);
    a.buffer = buffer;
    a.buffer_size = sizeof buffer;
    a.sink.put_fn = memory_put;
    a.sink.user = &out;
    CHECK_CODE(ocitar_archive_begin(&archive, &a), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&layout, &archive, NULL), OCITAR_OK);
    w.way = OCITAR_WAIT_KNOWN;
    w.size = 1000;
    w.digest = digest_of(content, 1000);
    CHECK_CODE(ocitar_blob_begin(&b, &layout, 0, &w), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, content, 999), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&b, OCITAR_SIZE_UNKNOWN, NULL),
               OCITAR_E_SIZE);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&archive), OCITAR_OK);
    CHECK(tar_count(&out.sink) == 0 && out.sink.calls == 1);
    free(out.sink.data);
}

static void close_early(int kind, uint8_t way, int code)
{
    ocitar_blob b;
    fixture f;

    start(&f, kind, NULL);
    CHECK_CODE(blob_start(&f, &b, way, content, 5000), OCITAR_OK);
    CHECK_CODE(blob_feed(&b, content, 4000, 1000), OCITAR_OK);
    CHECK_CODE(ocitar_blob_close(&b), code);
    CHECK_CODE(ocitar_blob_commit(&b, 4000, NULL),
               code == OCITAR_OK ? OCITAR_E_STATE : code);
    if (code != OCITAR_OK) {
        stop_poisoned(&f, code);
        return;
    }
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_E_STATE);
    CHECK(ocitar_archive_size(&f.archive) == 0);
    CHECK_CODE(blob_whole(&f, way, content, 10), OCITAR_OK); /* spool free */
    stop_whole(&f, 1);
}

static void test_blob_close_without_commit(void)
{
    close_early(PATCHABLE, OCITAR_WAIT_SPOOL, OCITAR_OK);
    close_early(PATCHABLE, OCITAR_WAIT_PATCH, OCITAR_OK);
    close_early(PATCHABLE, OCITAR_WAIT_KNOWN, OCITAR_OK);
    close_early(PUT_ONLY, OCITAR_WAIT_SPOOL, OCITAR_OK);
    close_early(PUT_ONLY, OCITAR_WAIT_KNOWN, OCITAR_E_STATE);
}

static void test_blob_close_after_commit(void)
{
    ocitar_blob b;
    fixture f;

    start(&f, PATCHABLE, NULL);
    CHECK_CODE(blob_start(&f, &b, OCITAR_WAIT_PATCH, "", 0), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&b, 0, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    ocitar_blob_close(&b);
    CHECK(ocitar_archive_size(&f.archive) == 512);
    CHECK_CODE(ocitar_blob_write(&b, "x", 1), OCITAR_E_STATE);
    CHECK_CODE(ocitar_blob_commit(&b, 0, NULL), OCITAR_E_STATE);
    stop_whole(&f, 1);
}

static void test_blob_spool_full(void)
{
    unsigned char room[10];
    ocitar_blob b;
    fixture f;

    start(&f, PUT_ONLY, NULL);
    CHECK_CODE(ocitar_spool_begin_buffer(&f.spool, room, sizeof room),
               OCITAR_OK);
    CHECK_CODE(blob_start(&f, &b, OCITAR_WAIT_SPOOL, "", 0), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, content, 11), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_blob_commit(&b, OCITAR_SIZE_UNKNOWN, NULL),
               OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    CHECK_CODE(blob_whole(&f, OCITAR_WAIT_SPOOL, content, 10), OCITAR_OK);
    stop_whole(&f, 1);
}

/* Writers that wait in spools may be open side by side. */
static void test_blob_side_by_side(void)
{
    static unsigned char room[100];
    ocitar_wait w = OCITAR_ZERO;
    ocitar_spool second;
    ocitar_blob a, b, c;
    fixture f;

    start(&f, PUT_ONLY, NULL);
    CHECK_CODE(ocitar_spool_begin_buffer(&second, room, sizeof room),
               OCITAR_OK);
    w.way = OCITAR_WAIT_SPOOL;
    w.spool = &second;
    CHECK_CODE(blob_start(&f, &a, OCITAR_WAIT_SPOOL, "", 0), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&b, &f.layout, 0, &w), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&c, &f.layout, 0, &w), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_blob_close(&c), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&a, "a", 1), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, "b", 1), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&a, "a", 1), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&b, 1, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&a, 2, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    CHECK(has_blob(&f.out.sink, "aa", 2) && has_blob(&f.out.sink, "b", 1));
    stop_whole(&f, 2);
}

/* ---- blobs: recognised, or not ---- */

static void put_twice(fixture *f, uint8_t way)
{
    ocitar_source source = OCITAR_ZERO;
    script s;

    CHECK_CODE(ocitar_blob_put(&f->layout, 0, content, 2000, NULL),
               OCITAR_OK);
    CHECK_CODE(ocitar_blob_put(&f->layout, 0, content, 2000, NULL),
               OCITAR_OK);
    CHECK_CODE(blob_whole(f, way, content, 2000), OCITAR_OK);
    source = script_of(&s, content, 2000);
    CHECK_CODE(copy_of(f, &source), OCITAR_OK);
    CHECK_CODE(blob_whole(f, way, content, 1999), OCITAR_OK);
    CHECK_CODE(blob_whole(f, way, content, 1999), OCITAR_OK);
}

static void test_blob_written_once(void)
{
    ocitar_layout_desc d = OCITAR_ZERO;
    ocitar_key keys[2];
    fixture f;
    uint8_t way;

    d.keys = keys;
    d.key_count = 2;
    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_KNOWN; way++) {
        memset(keys, 0xAA, sizeof keys); /* begin zeroes them */
        start(&f, PATCHABLE, &d);
        put_twice(&f, way);
        CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
        CHECK(has_blob(&f.out.sink, content, 2000));
        CHECK(has_blob(&f.out.sink, content, 1999));
        stop_whole(&f, 2);
        start(&f, PATCHABLE, NULL); /* without keys: each time again */
        put_twice(&f, way);
        stop_whole(&f, 6);
    }
}

/* A blob that is there already is still verified. */
static void test_blob_there_but_wrong(void)
{
    ocitar_layout_desc d = OCITAR_ZERO;
    ocitar_key keys[4];
    ocitar_blob b;
    fixture f;

    d.keys = keys;
    d.key_count = 4;
    start(&f, PUT_ONLY, &d);
    CHECK_CODE(ocitar_blob_put(&f.layout, 0, content, 900, NULL), OCITAR_OK);
    CHECK_CODE(blob_start(&f, &b, OCITAR_WAIT_KNOWN, content, 900),
               OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, content + 1, 900), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&b, 900, NULL), OCITAR_E_DIGEST);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    CHECK_CODE(blob_start(&f, &b, OCITAR_WAIT_SPOOL, content, 900),
               OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, content, 900), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&b, 901, NULL), OCITAR_E_SIZE);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    stop_whole(&f, 1);
}

static void test_blob_keys_full(void)
{
    ocitar_layout_desc d = OCITAR_ZERO;
    ocitar_source source = OCITAR_ZERO;
    ocitar_key key;
    ocitar_blob b;
    fixture f;
    script s;
    int i;

    d.keys = &key;
    d.key_count = 1;
    start(&f, PATCHABLE, &d);
    CHECK_CODE(ocitar_blob_put(&f.layout, 0, "a", 1, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_blob_put(&f.layout, 0, "b", 1, NULL), OCITAR_E_LIMIT);
    CHECK_CODE(blob_whole(&f, OCITAR_WAIT_SPOOL, "b", 1), OCITAR_E_LIMIT);
    CHECK_CODE(blob_whole(&f, OCITAR_WAIT_PATCH, "b", 1), OCITAR_E_LIMIT);
    CHECK_CODE(blob_whole(&f, OCITAR_WAIT_KNOWN, "b", 1), OCITAR_E_LIMIT);
    source = script_of(&s, "b", 1);
    CHECK_CODE(copy_of(&f, &source), OCITAR_E_LIMIT);
    CHECK(ocitar_archive_size(&f.archive) == 1024);
    CHECK_CODE(blob_start(&f, &b, OCITAR_WAIT_SPOOL, "b", 1), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, "b", 1), OCITAR_OK);
    for (i = 0; i < 2; i++)
        CHECK_CODE(ocitar_blob_commit(&b, 1, NULL), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    CHECK_CODE(ocitar_blob_put(&f.layout, 0, "a", 1, NULL), OCITAR_OK);
    stop_whole(&f, 1);
}

/* ---- who owns the tail ---- */

static void try_others(fixture *f)
{
    ocitar_entry entry = OCITAR_ZERO;
    ocitar_source source = OCITAR_ZERO;
    ocitar_blob b;
    script s;

    entry.name = "raw";
    CHECK_CODE(ocitar_archive_header(&f->archive, &entry), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_archive_write(&f->archive, "x", 1), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_archive_abandon(&f->archive), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_layout_init(&f->layout), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_file_put(&f->layout, "x", 0, 0644, "x", 1),
               OCITAR_E_BUSY);
    CHECK_CODE(ocitar_blob_put(&f->layout, 0, "x", 1, NULL), OCITAR_E_BUSY);
    source = script_of(&s, "x", 1);
    CHECK_CODE(copy_of(f, &source), OCITAR_E_BUSY);
    CHECK_CODE(blob_start(f, &b, OCITAR_WAIT_PATCH, "x", 1), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_blob_commit(&b, 1, NULL), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    CHECK_CODE(blob_start(f, &b, OCITAR_WAIT_KNOWN, "x", 1), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
}

static void own_tail(uint8_t way)
{
    ocitar_file file;
    ocitar_spool spool;
    unsigned char room[16];
    ocitar_blob owner, waiting;
    fixture f;

    start(&f, PATCHABLE, NULL);
    CHECK_CODE(ocitar_spool_begin_buffer(&spool, room, sizeof room),
               OCITAR_OK);
    CHECK_CODE(blob_start(&f, &waiting, OCITAR_WAIT_SPOOL, "w", 1),
               OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&waiting, "w", 1), OCITAR_OK);
    CHECK_CODE(ocitar_file_begin(&file, &f.layout, "f", 0, 0644, &spool),
               OCITAR_OK);
    CHECK_CODE(ocitar_file_write(&file, "f", 1), OCITAR_OK);
    CHECK_CODE(blob_start(&f, &owner, way, content, 1000), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&owner, content, 600), OCITAR_OK);
    try_others(&f);
    CHECK_CODE(ocitar_blob_commit(&waiting, 1, NULL), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_file_close(&file), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_blob_commit(&waiting, 1, NULL), OCITAR_E_BUSY);
    CHECK(ocitar_archive_finish(&f.archive) != OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&owner, content + 600, 400), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&owner, 1000, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&waiting, 1, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_file_close(&file), OCITAR_OK);
    CHECK_CODE(ocitar_layout_init(&f.layout), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    CHECK(has_blob(&f.out.sink, content, 1000));
    CHECK(has_blob(&f.out.sink, "w", 1));
    stop_whole(&f, 5);
}

static void test_blob_owns_the_tail(void)
{
    own_tail(OCITAR_WAIT_PATCH);
    own_tail(OCITAR_WAIT_KNOWN);
}

/* A retry does not forgive what was wrong besides. */
static void test_busy_then_wrong(void)
{
    ocitar_blob owner, waiting;
    fixture f;

    start(&f, PATCHABLE, NULL);
    CHECK_CODE(blob_start(&f, &waiting, OCITAR_WAIT_SPOOL, "w", 1),
               OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&waiting, "w", 1), OCITAR_OK);
    CHECK_CODE(blob_start(&f, &owner, OCITAR_WAIT_PATCH, "", 0), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&waiting, 1, NULL), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_blob_close(&owner), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&waiting, 2, NULL), OCITAR_E_SIZE);
    CHECK_CODE(ocitar_blob_commit(&waiting, 1, NULL), OCITAR_E_SIZE);
    CHECK_CODE(ocitar_blob_close(&waiting), OCITAR_OK);
    stop_whole(&f, 0);
}

/* The tail is somebody's raw entry. */
static void test_busy_with_an_entry(void)
{
    ocitar_entry entry = OCITAR_ZERO;
    fixture f;

    start(&f, PATCHABLE, NULL);
    entry.name = "raw";
    entry.size = 2;
    CHECK_CODE(ocitar_archive_header(&f.archive, &entry), OCITAR_OK);
    CHECK_CODE(ocitar_file_put(&f.layout, "x", 0, 0644, "x", 1),
               OCITAR_E_BUSY);
    CHECK_CODE(ocitar_blob_put(&f.layout, 0, "x", 1, NULL), OCITAR_E_BUSY);
    CHECK_CODE(ocitar_archive_write(&f.archive, "xx", 2), OCITAR_OK);
    CHECK_CODE(ocitar_blob_put(&f.layout, 0, "x", 1, NULL), OCITAR_OK);
    stop_whole(&f, 2);
}

static void test_finish_with_an_open_blob(void)
{
    ocitar_blob b;
    fixture f;

    start(&f, PATCHABLE, NULL);
    CHECK_CODE(blob_start(&f, &b, OCITAR_WAIT_PATCH, "", 0), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_STATE);
    CHECK(error_of(&f)->code == OCITAR_E_STATE);
    CHECK_CODE(ocitar_blob_write(&b, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&b, 1, NULL), OCITAR_OK);
    stop_whole(&f, 1);
}

/* What waits in a spool is not in the archive, and cannot be any more. */
static void test_finish_with_a_spooled_blob(void)
{
    ocitar_blob b;
    fixture f;

    start(&f, PATCHABLE, NULL);
    CHECK_CODE(blob_start(&f, &b, OCITAR_WAIT_SPOOL, "", 0), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, "x", 1), OCITAR_E_STATE);
    CHECK_CODE(ocitar_blob_commit(&b, 0, NULL), OCITAR_E_STATE);
    ocitar_blob_close(&b);
    CHECK(f.spool.busy == 0);
    stop_whole(&f, 0);
}

/* Errors of several children: the first is told until all are gone. */
static void test_errors_of_children(void)
{
    ocitar_spool spools[3];
    unsigned char rooms[3][8];
    ocitar_file files[3];
    fixture f;
    size_t i;

    start(&f, PUT_ONLY, NULL);
    for (i = 0; i < 3; i++) {
        CHECK_CODE(ocitar_spool_begin_buffer(&spools[i], rooms[i], 8),
                   OCITAR_OK);
        CHECK_CODE(ocitar_file_begin(&files[i], &f.layout,
                                     i == 1 ? "ok" : "..", 0, 0644,
                                     &spools[i]), OCITAR_OK);
    }
    CHECK_CODE(ocitar_file_write(&files[0], content, 9), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_file_close(&files[2]), OCITAR_E_NAME);
    CHECK_CODE(ocitar_file_close(&files[1]), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_LIMIT);
    CHECK(error_of(&f)->code == OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_file_abandon(&files[0]), OCITAR_OK);
    CHECK(ocitar_archive_finish(&f.archive) != OCITAR_OK);
    CHECK_CODE(ocitar_file_abandon(&files[2]), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    stop_whole(&f, 1);
}

/* ---- digest, engine ---- */

static void test_blob_digest(void)
{
    ocitar_digest d, want;
    ocitar_blob b;
    fixture f;
    uint8_t way;

    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_KNOWN; way++) {
        start(&f, PATCHABLE, NULL);
        CHECK_CODE(blob_start(&f, &b, way, content, 700), OCITAR_OK);
        CHECK_CODE(ocitar_blob_digest(&b, &d), OCITAR_OK);
        want = digest_of("", 0);
        CHECK(ocitar_digest_equal(&d, &want));
        CHECK_CODE(ocitar_blob_write(&b, content, 70), OCITAR_OK);
        CHECK_CODE(ocitar_blob_digest(&b, &d), OCITAR_OK);
        want = digest_of(content, 70);
        CHECK(ocitar_digest_equal(&d, &want));
        CHECK_CODE(ocitar_blob_write(&b, content + 70, 630), OCITAR_OK);
        CHECK_CODE(ocitar_blob_commit(&b, 700, NULL), OCITAR_OK);
        want = digest_of(content, 700);
        CHECK_CODE(ocitar_blob_digest(&b, &d), OCITAR_OK);
        CHECK(ocitar_digest_equal(&d, &want));
        CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
        CHECK_CODE(ocitar_blob_digest(&b, &d), OCITAR_OK);
        CHECK(ocitar_digest_equal(&d, &want));
        CHECK_CODE(ocitar_blob_digest(NULL, &d), OCITAR_E_ARG);
        CHECK_CODE(ocitar_blob_digest(&b, NULL), OCITAR_E_ARG);
        stop_whole(&f, 1);
    }
}

/* An engine whose digest is the sum of the bytes, and that counts. */
typedef struct engine_log {
    int begins, ends, dropped;
    int begin_code, update_code, end_code;
} engine_log;

static int sum_begin(void *user, void *state, uint8_t algorithm)
{
    engine_log *log = (engine_log *)user;
    uint64_t zero = 0;

    (void)algorithm;
    if (log->begin_code != 0)
        return log->begin_code;
    memcpy(state, &zero, sizeof zero);
    log->begins++;
    return 0;
}

static int sum_update(void *user, void *state, const void *data, size_t len)
{
    const unsigned char *p = (const unsigned char *)data;
    uint64_t sum;

    memcpy(&sum, state, sizeof sum);
    while (len-- > 0)
        sum += *p++;
    memcpy(state, &sum, sizeof sum);
    return ((engine_log *)user)->update_code;
}

static int sum_end(void *user, void *state, uint8_t *out)
{
    engine_log *log = (engine_log *)user;
    uint64_t sum;

    log->ends++;
    log->dropped += out == NULL;
    memcpy(&sum, state, sizeof sum);
    if (out != NULL) {
        memset(out, 0x11, 32);
        out[0] = (uint8_t)sum;
        out[1] = (uint8_t)(sum >> 8);
    }
    return log->end_code;
}

static void engine_start(fixture *f, ocitar_engine *engine, engine_log *log)
{
    ocitar_layout_desc d = OCITAR_ZERO;

    memset(log, 0, sizeof *log);
    memset(engine, 0, sizeof *engine);
    engine->begin_fn = sum_begin;
    engine->update_fn = sum_update;
    engine->end_fn = sum_end;
    engine->user = log;
    engine->algorithms = OCITAR_SHA256;
    d.engine = engine;
    start(f, PATCHABLE, &d);
}

/* A ustar size field ends at 8 GiB: no placeholder can be patched to more.
   Nothing is stored, and the hash is none, so this is quick. */
static int count_update(void *user, void *state, const void *data, size_t len)
{
    (void)user;
    (void)state;
    (void)data;
    (void)len;
    return 0;
}

static void blob_of_gibibytes(int full)
{
    static unsigned char room[16 << 20];
    ocitar_archive_desc ad = OCITAR_ZERO;
    ocitar_layout_desc ld = OCITAR_ZERO;
    ocitar_wait w = OCITAR_ZERO;
    ocitar_engine engine;
    engine_log log;
    ocitar_blob b;
    fixture f;
    int i, e = OCITAR_OK;

    memset(&f, 0, sizeof f);
    engine_start(&f, &engine, &log);
    stop(&f);
    engine.update_fn = count_update;
    ad.buffer = room;
    ad.buffer_size = 512;
    ld.engine = &engine;
    w.way = OCITAR_WAIT_PATCH;
    CHECK_CODE(ocitar_archive_begin(&f.archive, &ad), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&f.layout, &f.archive, &ld), OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&b, &f.layout, 0, &w), OCITAR_OK);
    for (i = 0; i < 512 && e == OCITAR_OK; i++)
        e = ocitar_blob_write(&b, room, sizeof room - (i == 511 && !full));
    CHECK_CODE(e, OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&b, OCITAR_SIZE_UNKNOWN, NULL),
               full ? OCITAR_E_RANGE : OCITAR_OK);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    CHECK(ocitar_archive_size(&f.archive) ==
          1024 + (full ? 0 : 512 + ((uint64_t)8 << 30)));
}

static void test_blob_of_eight_gibibytes(void)
{
    blob_of_gibibytes(0);
    blob_of_gibibytes(1);
}

static void test_blob_engine(void)
{
    char path[13 + 64 + 1] = "blobs/sha256/c300";
    ocitar_engine engine;
    ocitar_source source = OCITAR_ZERO;
    ocitar_digest d;
    engine_log log;
    ocitar_blob b;
    fixture f;
    script s;
    item it;

    memset(path + 17, '1', 60);
    engine_start(&f, &engine, &log);
    CHECK_CODE(blob_start(&f, &b, OCITAR_WAIT_SPOOL, "", 0), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, "ab", 2), OCITAR_OK); /* 0xC3 */
    CHECK_CODE(ocitar_blob_digest(&b, &d), OCITAR_E_UNSUPPORTED);
    CHECK_CODE(ocitar_blob_commit(&b, 2, NULL), OCITAR_OK);
    CHECK_CODE(ocitar_blob_digest(&b, &d), OCITAR_OK);
    CHECK(d.bytes[0] == 0xC3 && d.bytes[31] == 0x11);
    CHECK_CODE(ocitar_blob_put(&f.layout, 0, "ba", 2, NULL), OCITAR_OK);
    source = script_of(&s, "ba", 2);
    CHECK_CODE(copy_of(&f, &source), OCITAR_OK);
    CHECK_CODE(blob_start(&f, &b, OCITAR_WAIT_PATCH, "", 0), OCITAR_OK);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    CHECK(log.begins == 5 && log.ends == 5 && log.dropped == 1);
    CHECK_CODE(ocitar_blob_put(&f.layout, OCITAR_SHA512, "ba", 2, &d),
               OCITAR_OK); /* the bundled code does what it does not */
    CHECK(log.begins == 5 && d.bytes[2] != 0x11);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    CHECK(tar_find(&f.out.sink, path, &it) == 3);
    stop_whole(&f, 4);
}

static void test_blob_engine_begin_fails(void)
{
    ocitar_engine engine;
    engine_log log;
    ocitar_blob b;
    fixture f;

    engine_start(&f, &engine, &log);
    log.begin_code = 61;
    CHECK_CODE(blob_start(&f, &b, OCITAR_WAIT_SPOOL, "", 0), OCITAR_E_HASH);
    CHECK(error_of(&f)->user_code == 61);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    CHECK_CODE(ocitar_blob_put(&f.layout, 0, "x", 1, NULL), OCITAR_E_HASH);
    CHECK(error_of(&f)->user_code == 61);
    CHECK(log.begins == 0 && log.ends == 0);
    stop_whole(&f, 0);
}

static void test_blob_engine_update_fails(void)
{
    ocitar_engine engine;
    ocitar_source source = OCITAR_ZERO;
    engine_log log;
    ocitar_blob b;
    fixture f;
    script s;

    engine_start(&f, &engine, &log);
    log.update_code = 62;
    CHECK_CODE(blob_start(&f, &b, OCITAR_WAIT_PATCH, "", 0), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, "x", 1), OCITAR_E_HASH);
    CHECK(error_of(&f)->user_code == 62);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    CHECK_CODE(ocitar_blob_put(&f.layout, 0, "x", 1, NULL), OCITAR_E_HASH);
    CHECK(error_of(&f)->user_code == 62);
    source = script_of(&s, "ba", 2);
    CHECK_CODE(copy_of(&f, &source), OCITAR_E_HASH);
    CHECK(error_of(&f)->user_code == 62);
    CHECK(log.begins == log.ends && log.dropped == log.ends);
    stop_whole(&f, 0);
}

static void test_blob_engine_end_fails(void)
{
    ocitar_engine engine;
    engine_log log;
    ocitar_blob b;
    fixture f;

    engine_start(&f, &engine, &log);
    log.end_code = 63;
    CHECK_CODE(blob_start(&f, &b, OCITAR_WAIT_PATCH, "", 0), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&b, 0, NULL), OCITAR_E_HASH);
    CHECK(error_of(&f)->user_code == 63);
    CHECK_CODE(ocitar_blob_commit(&b, 0, NULL), OCITAR_E_HASH);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_HASH);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    CHECK_CODE(ocitar_blob_put(&f.layout, 0, "x", 1, NULL), OCITAR_E_HASH);
    CHECK(error_of(&f)->user_code == 63);
    CHECK(log.begins == log.ends);
    stop_whole(&f, 0);
}

/* ---- copies ---- */

static void test_copy(void)
{
    unsigned char buffer[777];
    ocitar_digest d, want = digest_of(content, 5000);
    ocitar_source source = OCITAR_ZERO;
    uint64_t size = 0;
    fixture f;
    script s;

    start(&f, PUT_ONLY, NULL);
    source = script_of(&s, content, 5000);
    s.largest = 5000;
    CHECK_CODE(ocitar_blob_copy(&f.layout, 0, &source, buffer, sizeof buffer,
                                &d, &size), OCITAR_OK);
    CHECK(size == 5000 && ocitar_digest_equal(&d, &want));
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    CHECK(has_blob(&f.out.sink, content, 5000));
    stop_whole(&f, 1);
}

/* ---- several at a time ---- */

enum { MANY = 8 };

static const size_t many_sizes[MANY] = { 5000, 5000, 0, 64, 1, 130, 3000, 64 };

/* One after the other, or all at once; the sink's bytes tell. */
static void write_many(fixture *f, int how, size_t count, uint8_t algorithm,
                       size_t buffer_size)
{
    static unsigned char buffer[2000];
    ocitar_source sources[MANY];
    ocitar_digest out[MANY], one;
    uint64_t lengths[MANY];
    const void *data[MANY];
    script scripts[MANY];
    size_t i;

    for (i = 0; i < MANY; i++) {
        data[i] = content + 7 * i;
        sources[i] = script_of(&scripts[i], data[i], many_sizes[i]);
    }
    if (how == 1)
        CHECK_CODE(ocitar_blob_put_many(&f->layout, algorithm, data,
                                        many_sizes, count, out), OCITAR_OK);
    else if (how == 2)
        CHECK_CODE(ocitar_blob_copy_many(&f->layout, algorithm, sources, count,
                                         buffer, buffer_size, out, lengths),
                   OCITAR_OK);
    for (i = 0; i < count; i++) {
        if (how == 0)
            CHECK_CODE(ocitar_blob_put(&f->layout, algorithm, data[i],
                                       many_sizes[i], &out[i]), OCITAR_OK);
        ocitar_digest_of(&one, algorithm == 0 ? OCITAR_SHA256 : algorithm,
                         data[i], many_sizes[i]);
        CHECK(f->layout.engine != NULL || ocitar_digest_equal(&one, &out[i]));
        CHECK(how != 2 || lengths[i] == many_sizes[i]);
    }
    CHECK_CODE(ocitar_archive_finish(&f->archive), OCITAR_OK);
}

static void many_alike(size_t count, uint8_t algorithm,
                       const ocitar_engine *engine)
{
    static const size_t rooms[] = { 1, 63, 128, 200, 500, 2000 };
    ocitar_layout_desc desc = OCITAR_ZERO;
    fixture one, many;
    size_t i;

    desc.algorithms = algorithm;
    desc.engine = engine;
    start(&one, PUT_ONLY, &desc);
    write_many(&one, 0, count, algorithm, 0);
    for (i = 0; i <= sizeof rooms / sizeof rooms[0]; i++) {
        start(&many, PUT_ONLY, &desc);
        write_many(&many, i == 0 ? 1 : 2, count, algorithm,
                   i == 0 ? 0 : rooms[i - 1]);
        CHECK(one.out.sink.len == many.out.sink.len &&
              memcmp(one.out.sink.data, many.out.sink.data,
                     one.out.sink.len) == 0);
        stop_whole(&many, (int)count);
    }
    stop_whole(&one, (int)count);
}

/* A source that fails, or changes, at its place: those before it are there,
   and none of those behind. */
static void many_fail(size_t at, int pass, int code)
{
    unsigned char buffer[600];
    ocitar_source sources[MANY];
    script scripts[MANY];
    int there = 0;
    fixture f;
    size_t i;

    start(&f, PATCHABLE, NULL);
    for (i = 0; i < MANY; i++)
        sources[i] = script_of(&scripts[i], content + 11 * i, 200 + i);
    if (code == OCITAR_E_CHANGED)
        scripts[at].second_len--;
    else if (pass == 1)
        scripts[at].rewind_code = 31;
    else
        scripts[at].fail_pass = 1, scripts[at].code = 31;
    scripts[at].largest = 100; /* so that it has begun */
    CHECK_CODE(ocitar_blob_copy_many(&f.layout, 0, sources, MANY, buffer,
                                     sizeof buffer, NULL, NULL), code);
    CHECK(code != OCITAR_E_SOURCE || error_of(&f)->user_code == 31);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    for (i = 0; i < MANY; i++) {
        int is_there = has_blob(&f.out.sink, content + 11 * i, 200 + i);

        CHECK(i < at ? pass == 0 || is_there : !is_there);
        there += is_there;
    }
    stop_whole(&f, there);
}

static void test_many(void)
{
    engine_log log;
    ocitar_engine engine;
    ocitar_source broken[2] = { OCITAR_ZERO, OCITAR_ZERO };
    const void *data[2] = { "x", NULL };
    size_t len[2] = { 1, 1 }, i;
    unsigned char b[8];
    fixture f;
    script s;

    engine_start(&f, &engine, &log);
    stop_whole(&f, 0);
    for (i = 0; i <= MANY; i++) {
        many_alike(i, 0, NULL);
        many_alike(i, OCITAR_SHA384, NULL);
        many_alike(i, 0, &engine);
    }
    for (i = 0; i < MANY; i++) {
        many_fail(i, 0, OCITAR_E_SOURCE);
        many_fail(i, 1, OCITAR_E_SOURCE);
        many_fail(i, 1, OCITAR_E_CHANGED);
    }
    start(&f, PUT_ONLY, NULL);
    broken[0] = script_of(&s, "x", 1);
    CHECK_CODE(ocitar_blob_copy_many(&f.layout, 0, broken, 2, b, 8, NULL,
                                     NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_copy_many(&f.layout, 0, NULL, 1, b, 8, NULL, NULL),
               OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_put_many(&f.layout, 0, data, len, 2, NULL),
               OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_put_many(&f.layout, 0, NULL, len, 2, NULL),
               OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_put_many(&f.layout, 0, data, NULL, 2, NULL),
               OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_put_many(NULL, 0, data, len, 1, NULL),
               OCITAR_E_ARG);
    CHECK(ocitar_archive_size(&f.archive) == 0);
    CHECK_CODE(ocitar_blob_put_many(&f.layout, 9, data, len, 1, NULL),
               OCITAR_E_UNSUPPORTED);
    stop_whole(&f, 0);
}

static void test_copy_arguments(void)
{
    ocitar_source source, broken;
    unsigned char b[8];
    fixture f;
    script s;

    start(&f, PUT_ONLY, NULL);
    source = broken = script_of(&s, "x", 1);
    CHECK_CODE(ocitar_blob_copy(NULL, 0, &source, b, 8, NULL, NULL),
               OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_copy(&f.layout, 0, NULL, b, 8, NULL, NULL),
               OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_copy(&f.layout, 0, &source, NULL, 8, NULL, NULL),
               OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_copy(&f.layout, 0, &source, b, 0, NULL, NULL),
               OCITAR_E_ARG);
    broken.rewind_fn = NULL;
    CHECK_CODE(ocitar_blob_copy(&f.layout, 0, &broken, b, 8, NULL, NULL),
               OCITAR_E_ARG);
    broken.get_fn = NULL;
    CHECK_CODE(ocitar_blob_copy(&f.layout, 0, &broken, b, 8, NULL, NULL),
               OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_copy(&f.layout, 9, &source, b, 8, NULL, NULL),
               OCITAR_E_UNSUPPORTED);
    stop_whole(&f, 0);
}

enum { FLIPS = 1, SHRINKS, GROWS, FAILS_FIRST, FAILS_SECOND, NO_REWIND };

static void break_copy(int kind, int what, int code, int user_code)
{
    ocitar_source source = OCITAR_ZERO;
    fixture f;
    script s;

    start(&f, kind, NULL);
    source = script_of(&s, content, 5000);
    s.flip = what == FLIPS;
    s.second_len = what == SHRINKS ? 4000 : what == GROWS ? 5001 : 5000;
    s.fail_pass = what == FAILS_FIRST ? 1 : what == FAILS_SECOND ? 2 : 0;
    s.code = user_code;
    s.rewind_code = what == NO_REWIND ? user_code : 0;
    CHECK_CODE(copy_of(&f, &source), code);
    CHECK(error_of(&f)->code == code);
    CHECK(error_of(&f)->user_code == user_code);
    if (kind == PATCHABLE || what == FAILS_FIRST) {
        CHECK(ocitar_archive_size(&f.archive) == 0);
        source = script_of(&s, content, 5000);
        CHECK_CODE(copy_of(&f, &source), OCITAR_OK);
        stop_whole(&f, 1);
    } else {
        CHECK(error_of(&f)->code == code);
        stop_poisoned(&f, code);
    }
}

static void test_copy_breaks(void)
{
    int kind;

    for (kind = PUT_ONLY; kind <= PATCHABLE; kind++) {
        break_copy(kind, FLIPS, OCITAR_E_CHANGED, 0);
        break_copy(kind, SHRINKS, OCITAR_E_CHANGED, 0);
        break_copy(kind, GROWS, OCITAR_E_CHANGED, 0);
        break_copy(kind, FAILS_FIRST, OCITAR_E_SOURCE, 51);
        break_copy(kind, FAILS_SECOND, OCITAR_E_SOURCE, 52);
        break_copy(kind, NO_REWIND, OCITAR_E_SOURCE, 53);
    }
}

static int get_too_much(void *user, void *out, size_t capacity, size_t *len)
{
    (void)user;
    (void)out;
    *len = capacity + 1;
    return 0;
}

static void test_copy_of_a_liar(void)
{
    ocitar_source source = OCITAR_ZERO;
    fixture f;

    source.get_fn = get_too_much;
    source.rewind_fn = script_rewind;
    start(&f, PUT_ONLY, NULL);
    CHECK_CODE(copy_of(&f, &source), OCITAR_E_SOURCE);
    stop_whole(&f, 0);
}

/* ---- rehearsal ---- */

typedef struct act {
    size_t first, second; /* bytes of the two blobs; SIZE_MAX: closed early */
    int flip, third;
    uint8_t algorithm;
} act;

static int act_blob(fixture *f, uint8_t way, uint8_t algorithm, size_t from,
                    size_t len)
{
    ocitar_wait w = OCITAR_ZERO;
    ocitar_blob b;
    int e;

    w.way = way;
    e = ocitar_blob_begin(&b, &f->layout, algorithm, &w);
    if (e == OCITAR_OK && len == SIZE_MAX)
        return ocitar_blob_close(&b);
    if (e == OCITAR_OK)
        e = blob_feed(&b, content + from, len, 3000);
    if (e == OCITAR_OK)
        e = ocitar_blob_commit(&b, OCITAR_SIZE_UNKNOWN, NULL);
    ocitar_blob_close(&b);
    return e;
}

static int act_play(fixture *f, const act *a)
{
    int e = ocitar_layout_init(&f->layout);

    if (e == OCITAR_OK)
        e = act_blob(f, OCITAR_WAIT_REHEARSE, 0, (size_t)a->flip, a->first);
    if (e == OCITAR_OK)
        e = ocitar_file_put(&f->layout, "between", 0, 0644, content, 800);
    if (e == OCITAR_OK)
        e = act_blob(f, OCITAR_WAIT_AUTO, a->algorithm, 0, a->second);
    if (e == OCITAR_OK && a->third)
        e = act_blob(f, OCITAR_WAIT_AUTO, 0, 0, 5);
    return e;
}

static void rehearse(const act *first, const act *second, int code)
{
    ocitar_layout_desc d = OCITAR_ZERO;
    ocitar_rehearsal r = OCITAR_ZERO;
    ocitar_rehearsed table[3];
    fixture dry, real;
    uint64_t size;

    r.table = table;
    r.capacity = 3;
    d.rehearsal = &r;
    start(&dry, DRY, &d);
    CHECK_CODE(act_play(&dry, first), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&dry.archive), OCITAR_OK);
    size = ocitar_archive_size(&dry.archive);
    CHECK(dry.out.sink.calls == 0);
    stop(&dry);
    ocitar_rehearsal_play(&r);
    start(&real, PUT_ONLY, &d);
    CHECK_CODE(act_play(&real, second), code);
    if (code == OCITAR_OK) {
        CHECK_CODE(ocitar_archive_finish(&real.archive), OCITAR_OK);
        CHECK(size == real.out.sink.len);
        CHECK(tar_count(&real.out.sink) > 0);
    }
    if (code == OCITAR_OK && first->first != SIZE_MAX)
        CHECK(has_blob(&real.out.sink, content, first->first));
    stop(&real);
}

static void test_rehearsal(void)
{
    static const act plain = { 5000, 10, 0, 0, 0 };
    static const act closed = { SIZE_MAX, 10, 0, 0, 0 };
    static const act empty = { 0, 1, 0, 1, 0 };

    rehearse(&plain, &plain, OCITAR_OK);
    rehearse(&empty, &empty, OCITAR_OK);
    rehearse(&closed, &closed, OCITAR_OK);
}

static void test_rehearsal_changes(void)
{
    static const act plain = { 5000, 10, 0, 0, 0 };
    static const act shorter = { 4999, 10, 0, 0, 0 };
    static const act longer = { 5001, 10, 0, 0, 0 };
    static const act other = { 5000, 10, 1, 0, 0 };
    static const act more = { 5000, 10, 0, 1, 0 };
    static const act algorithm = { 5000, 10, 0, 0, OCITAR_SHA512 };
    static const act closed = { SIZE_MAX, 10, 0, 0, 0 };

    rehearse(&plain, &shorter, OCITAR_E_CHANGED);
    rehearse(&plain, &longer, OCITAR_E_CHANGED);
    rehearse(&plain, &other, OCITAR_E_CHANGED);
    rehearse(&plain, &more, OCITAR_E_CHANGED);
    rehearse(&plain, &algorithm, OCITAR_E_CHANGED);
    rehearse(&closed, &plain, OCITAR_E_CHANGED);
}

static void test_rehearsal_table_full(void)
{
    ocitar_layout_desc d = OCITAR_ZERO;
    ocitar_rehearsal r = OCITAR_ZERO;
    ocitar_rehearsed line;
    ocitar_wait w = OCITAR_ZERO;
    ocitar_blob b;
    fixture f;

    r.table = &line;
    r.capacity = 1;
    d.rehearsal = &r;
    start(&f, DRY, &d);
    CHECK_CODE(act_blob(&f, OCITAR_WAIT_REHEARSE, 0, 0, 5), OCITAR_OK);
    w.way = OCITAR_WAIT_REHEARSE;
    CHECK_CODE(ocitar_blob_begin(&b, &f.layout, 0, &w), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_LIMIT);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    CHECK(ocitar_archive_size(&f.archive) == 1024 + 1024);
    stop(&f);
    ocitar_rehearsal_play(NULL);
}

/* Blobs with a way of their own need no line, though there is a table. */
static void test_rehearsal_beside_spools(void)
{
    ocitar_layout_desc d = OCITAR_ZERO;
    ocitar_rehearsal r = OCITAR_ZERO;
    fixture f;

    d.rehearsal = &r;
    start(&f, PUT_ONLY, &d);
    CHECK_CODE(blob_whole(&f, OCITAR_WAIT_SPOOL, "x", 1), OCITAR_OK);
    CHECK_CODE(blob_whole(&f, OCITAR_WAIT_KNOWN, "y", 1), OCITAR_OK);
    stop_whole(&f, 2);
}

/* ---- sinks and hooks that fail ---- */

static void test_sink_fails(void)
{
    ocitar_blob b;
    fixture f;

    start(&f, PUT_ONLY, NULL);
    f.out.sink.fail_at = 3;
    f.out.sink.code = 28;
    CHECK_CODE(ocitar_layout_init(&f.layout), OCITAR_OK);
    CHECK_CODE(blob_start(&f, &b, OCITAR_WAIT_SPOOL, "", 0), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, content, 600), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&b, 600, NULL), OCITAR_E_SINK);
    CHECK(error_of(&f)->user_code == 28);
    CHECK_CODE(ocitar_blob_commit(&b, 600, NULL), OCITAR_E_SINK);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_E_SINK);
    CHECK_CODE(ocitar_layout_init(&f.layout), OCITAR_E_SINK);
    CHECK_CODE(ocitar_blob_put(&f.layout, 0, "x", 1, NULL), OCITAR_E_SINK);
    CHECK_CODE(ocitar_layout_remove(&f.layout, "x"), OCITAR_E_SINK);
    CHECK(error_of(&f)->user_code == 28 && f.out.sink.calls == 3);
    stop_poisoned(&f, OCITAR_E_SINK);
}

static void test_init_fails(void)
{
    fixture f;

    start(&f, PUT_ONLY, NULL);
    f.out.sink.fail_at = 2;
    f.out.sink.code = 5;
    CHECK_CODE(ocitar_layout_init(&f.layout), OCITAR_E_SINK);
    CHECK(error_of(&f)->user_code == 5);
    stop_poisoned(&f, OCITAR_E_SINK);
}

static void test_patch_fails(void)
{
    fixture f;

    start(&f, PATCHABLE, NULL);
    f.out.at_code = 31;
    CHECK_CODE(blob_whole(&f, OCITAR_WAIT_PATCH, content, 5000),
               OCITAR_E_SINK);
    CHECK(error_of(&f)->user_code == 31);
    stop_poisoned(&f, OCITAR_E_SINK);
}

static void test_truncate_fails(void)
{
    ocitar_blob b;
    fixture f;

    start(&f, PATCHABLE, NULL);
    f.out.cut_code = 32;
    CHECK_CODE(blob_start(&f, &b, OCITAR_WAIT_PATCH, "", 0), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, content, 5000), OCITAR_OK);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_E_SINK);
    CHECK(error_of(&f)->user_code == 32);
    stop_poisoned(&f, OCITAR_E_SINK);
}

static int hook_refuse(void *user, ocitar_entry *entry)
{
    return strncmp(entry->name, (const char *)user, strlen((const char *)user))
               ? 0 : 41;
}

static int hook_owner(void *user, ocitar_entry *entry)
{
    (void)user;
    CHECK(entry->size == 5000);
    entry->mode = 0400;
    return 0;
}

static int hook_rename(void *user, ocitar_entry *entry)
{
    entry->name = (const char *)user;
    entry->name_len = 0;
    return 0;
}

static void test_hook_refuses(void)
{
    static char prefix[] = "blobs/sha256/";
    ocitar_blob b;
    fixture f;
    uint8_t way;

    for (way = OCITAR_WAIT_SPOOL; way <= OCITAR_WAIT_PATCH; way++) {
        start_with(&f, PATCHABLE, NULL, hook_refuse, prefix);
        CHECK_CODE(blob_start(&f, &b, way, "", 0), OCITAR_OK);
        CHECK_CODE(ocitar_blob_write(&b, content, 5000), OCITAR_OK);
        CHECK_CODE(ocitar_blob_commit(&b, 5000, NULL), OCITAR_E_HOOK);
        CHECK(error_of(&f)->user_code == 41);
        CHECK(ocitar_archive_size(&f.archive) == 0);
        CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_HOOK);
        CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
        CHECK_CODE(ocitar_blob_put(&f.layout, 0, "x", 1, NULL),
                   OCITAR_E_HOOK);
        CHECK_CODE(blob_start(&f, &b, OCITAR_WAIT_KNOWN, "x", 1),
                   OCITAR_E_HOOK);
        CHECK(error_of(&f)->user_code == 41);
        CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
        CHECK_CODE(ocitar_file_put(&f.layout, "x", 0, 0644, "x", 1),
                   OCITAR_OK);
        stop_whole(&f, 1);
    }
}

static void test_hook_refuses_a_file(void)
{
    static char all[] = "";
    ocitar_file file;
    fixture f;

    start_with(&f, PUT_ONLY, NULL, hook_refuse, all);
    CHECK_CODE(ocitar_file_begin(&file, &f.layout, "a", 0, 0644, &f.spool),
               OCITAR_OK);
    CHECK_CODE(ocitar_file_close(&file), OCITAR_E_HOOK);
    CHECK(error_of(&f)->user_code == 41);
    CHECK_CODE(ocitar_file_abandon(&file), OCITAR_OK);
    CHECK_CODE(ocitar_file_put(&f.layout, "x", 0, 0644, "x", 1),
               OCITAR_E_HOOK);
    stop_whole(&f, 0);
}

/* Half a layout would be worse than none: the refusal of a directory stays. */
static void test_hook_refuses_init(void)
{
    static char all[] = "";
    fixture f;

    start_with(&f, PUT_ONLY, NULL, hook_refuse, all);
    CHECK_CODE(ocitar_layout_init(&f.layout), OCITAR_E_HOOK);
    CHECK(error_of(&f)->user_code == 41);
    CHECK_CODE(ocitar_layout_init(&f.layout), OCITAR_E_HOOK);
    CHECK_CODE(ocitar_blob_put(&f.layout, 0, "x", 1, NULL), OCITAR_E_HOOK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_E_HOOK);
}

static void test_hook_changes(void)
{
    static char other[] = "other";
    ocitar_digest d = digest_of(content, 5000);
    char path[160];
    fixture f;
    item it;

    start_with(&f, PATCHABLE, NULL, hook_owner, NULL);
    CHECK_CODE(blob_whole(&f, OCITAR_WAIT_PATCH, content, 5000), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    blob_path(path, &d);
    CHECK(tar_find(&f.out.sink, path, &it) == 1 && it.mode == 0400);
    stop_whole(&f, 1);
    start_with(&f, PATCHABLE, NULL, hook_rename, other);
    CHECK_CODE(blob_whole(&f, OCITAR_WAIT_PATCH, content, 5000),
               OCITAR_E_HOOK);
    CHECK_CODE(blob_whole(&f, OCITAR_WAIT_SPOOL, content, 5000),
               OCITAR_E_HOOK);
    stop_whole(&f, 0);
}

/* ---- a driver of the test's own ---- */

typedef struct shelf_object {
    char name[160];
    unsigned char *data;
    size_t len;
    int64_t mode;
    char type;
} shelf_object;

typedef struct shelf {
    ocitar_root root;
    shelf_object objects[8];
    size_t count;
    int open, begins, cancels, sized_only;
    int begin_code, write_code, end_code, cancel_code, user_code;
} shelf;

static int shelf_fail(shelf *s, int code)
{
    if (code != 0)
        s->root.user_code = s->user_code;
    return code;
}

static int shelf_begin(void *user, const ocitar_entry *entry)
{
    shelf *s = (shelf *)user;
    shelf_object *o = &s->objects[s->count];

    s->begins++;
    if (s->open)
        return OCITAR_E_BUSY;
    if (s->begin_code != 0)
        return shelf_fail(s, s->begin_code);
    if (entry->size < 0 && s->sized_only)
        return OCITAR_E_UNSUPPORTED;
    snprintf(o->name, sizeof o->name, "%.*s",
             (int)(entry->name_len > 0 ? entry->name_len
                                       : strlen(entry->name)), entry->name);
    o->mode = entry->mode;
    o->type = entry->typeflag;
    s->open = entry->typeflag != '5';
    s->count += entry->typeflag == '5';
    return OCITAR_OK;
}

static int shelf_write(void *user, const void *data, size_t len)
{
    shelf *s = (shelf *)user;
    shelf_object *o = &s->objects[s->count];

    if (!s->open)
        return OCITAR_E_STATE;
    if (s->write_code != 0)
        return shelf_fail(s, s->write_code);
    o->data = (unsigned char *)realloc(o->data, o->len + len + 1);
    if (o->data == NULL)
        abort();
    if (len > 0)
        memcpy(o->data + o->len, data, len);
    o->len += len;
    return OCITAR_OK;
}

static int shelf_cancel(void *user)
{
    shelf *s = (shelf *)user;
    shelf_object *o = &s->objects[s->count];

    s->cancels++;
    free(o->data);
    memset(o, 0, sizeof *o);
    s->open = 0;
    return s->cancel_code;
}

static int shelf_end(void *user, const ocitar_entry *entry)
{
    shelf *s = (shelf *)user;
    shelf_object *o = &s->objects[s->count];

    if (s->end_code != 0)
        return shelf_fail(s, s->end_code);
    if (!s->open || (uint64_t)entry->size != o->len)
        return OCITAR_E_SIZE;
    snprintf(o->name, sizeof o->name, "%.*s",
             (int)(entry->name_len > 0 ? entry->name_len
                                       : strlen(entry->name)), entry->name);
    s->open = 0;
    s->count++;
    return OCITAR_OK;
}

static int shelf_exists(void *user, const char *name, uint64_t size)
{
    shelf *s = (shelf *)user;
    size_t i;

    for (i = 0; i < s->count; i++)
        if (strcmp(s->objects[i].name, name) == 0)
            return s->objects[i].len == size;
    return 0;
}

static int shelf_remove(void *user, const char *name)
{
    shelf *s = (shelf *)user;

    if (s->count == 0 || strcmp(s->objects[s->count - 1].name, name) != 0)
        return OCITAR_E_NAME;
    s->count--;
    free(s->objects[s->count].data);
    memset(&s->objects[s->count], 0, sizeof s->objects[0]);
    return OCITAR_OK;
}

static int shelf_reader(void *user, const char *name, ocitar_source *out)
{
    (void)name;
    memset(out, 0, sizeof *out);
    out->user = user;
    return OCITAR_OK;
}

static const ocitar_driver shelf_driver = {
    shelf_begin,  shelf_write,  NULL,         shelf_end,
    shelf_cancel, shelf_exists, shelf_remove, shelf_reader
};

static void shelf_start(shelf *s, ocitar_layout *l)
{
    ocitar_layout_desc d = OCITAR_ZERO;

    memset(s, 0, sizeof *s);
    ocitar_root_begin(&s->root);
    d.driver = &shelf_driver;
    d.driver_user = s;
    d.root = &s->root;
    CHECK_CODE(ocitar_layout_begin(l, NULL, &d), OCITAR_OK);
}

static void shelf_stop(shelf *s)
{
    size_t i;

    for (i = 0; i < 8; i++)
        free(s->objects[i].data);
}

static void test_driver(void)
{
    static unsigned char room[4096];
    ocitar_wait w = OCITAR_ZERO;
    ocitar_source source = OCITAR_ZERO;
    ocitar_spool spool;
    ocitar_layout l;
    ocitar_blob b;
    static shelf s;
    script sc;
    unsigned char buffer[100];

    shelf_start(&s, &l);
    CHECK_CODE(ocitar_spool_begin_buffer(&spool, room, sizeof room),
               OCITAR_OK);
    CHECK_CODE(ocitar_layout_init(&l), OCITAR_OK);
    CHECK(s.count == 2 && strcmp(s.objects[1].name, "blobs/sha256/") == 0);
    w.spool = &spool;
    w.way = OCITAR_WAIT_PATCH;
    CHECK_CODE(ocitar_blob_begin(&b, &l, 0, &w), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, content, 500), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&b, 500, NULL), OCITAR_OK);
    CHECK(s.count == 3 && s.objects[2].len == 500 && s.objects[2].mode == 0444);
    source = script_of(&sc, content, 500); /* the driver has it already */
    CHECK_CODE(ocitar_blob_copy(&l, 0, &source, buffer, 100, NULL, NULL),
               OCITAR_OK);
    CHECK_CODE(ocitar_blob_begin(&b, &l, 0, &w), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, content, 500), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&b, 500, NULL), OCITAR_OK);
    CHECK(s.count == 3 && s.cancels == 1);
    w.way = OCITAR_WAIT_SPOOL;
    CHECK_CODE(ocitar_blob_begin(&b, &l, 0, &w), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, content, 501), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&b, 501, NULL), OCITAR_OK);
    CHECK(s.count == 4 && memcmp(s.objects[3].data, content, 501) == 0);
    CHECK_CODE(ocitar_file_put(&l, "file", 0, 0600, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_layout_reader(&l, "file", &source), OCITAR_OK);
    CHECK(source.user == &s);
    CHECK_CODE(ocitar_layout_remove(&l, "other"), OCITAR_E_NAME);
    CHECK_CODE(ocitar_layout_remove(&l, "file"), OCITAR_OK);
    CHECK(s.count == 4);
    CHECK_CODE(ocitar_root_finish(&s.root), OCITAR_OK);
    CHECK_CODE(ocitar_root_finish(&s.root), OCITAR_OK);
    CHECK_CODE(ocitar_file_put(&l, "file", 0, 0600, "x", 1), OCITAR_E_STATE);
    shelf_stop(&s);
}

/* A driver that must know the size first: AUTO waits in the spool. */
static void test_driver_of_known_sizes(void)
{
    static unsigned char room[4096];
    ocitar_wait w = OCITAR_ZERO;
    ocitar_spool spool;
    ocitar_layout l;
    ocitar_blob b;
    static shelf s;

    shelf_start(&s, &l);
    s.sized_only = 1;
    CHECK_CODE(ocitar_spool_begin_buffer(&spool, room, sizeof room),
               OCITAR_OK);
    w.spool = &spool;
    CHECK_CODE(ocitar_blob_begin(&b, &l, 0, &w), OCITAR_OK);
    CHECK_CODE(ocitar_blob_write(&b, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_blob_commit(&b, 1, NULL), OCITAR_OK);
    w.way = OCITAR_WAIT_PATCH;
    CHECK_CODE(ocitar_blob_begin(&b, &l, 0, &w), OCITAR_E_UNSUPPORTED);
    CHECK_CODE(ocitar_root_finish(&s.root), OCITAR_E_UNSUPPORTED);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
    CHECK_CODE(ocitar_root_finish(&s.root), OCITAR_OK);
    shelf_stop(&s);
}

/* Whatever the driver's function fails at, the object is taken back, the
   detail is told, and the next one finds the driver free. */
static void shelf_break(int *code, shelf *s, ocitar_layout *l)
{
    static unsigned char room[4096];
    ocitar_wait w = OCITAR_ZERO;
    ocitar_source source = OCITAR_ZERO;
    ocitar_spool spool;
    ocitar_file file;
    ocitar_blob b;
    script sc;
    unsigned char buffer[100];
    int e;

    CHECK_CODE(ocitar_spool_begin_buffer(&spool, room, sizeof room),
               OCITAR_OK);
    *code = OCITAR_E_SINK;
    s->user_code = 55;
    CHECK_CODE(ocitar_file_put(l, "f", 0, 0644, "x", 1), OCITAR_E_SINK);
    CHECK(s->root.error.user_code == 55);
    CHECK(s->open == 0);
    shelf_cancel(s);
    CHECK_CODE(ocitar_blob_put(l, 0, "x", 1, NULL), OCITAR_E_SINK);
    CHECK(s->open == 0);
    source = script_of(&sc, "x", 1);
    CHECK_CODE(ocitar_blob_copy(l, 0, &source, buffer, 100, NULL, NULL),
               OCITAR_E_SINK);
    CHECK(s->open == 0);
    CHECK_CODE(ocitar_file_begin(&file, l, "f", 0, 0644, &spool), OCITAR_OK);
    CHECK_CODE(ocitar_file_write(&file, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_file_close(&file), OCITAR_E_SINK);
    CHECK(s->root.error.user_code == 55);
    CHECK_CODE(ocitar_file_abandon(&file), OCITAR_OK);
    CHECK(s->open == 0);
    shelf_cancel(s);
    w.spool = &spool;
    for (w.way = OCITAR_WAIT_SPOOL; w.way <= OCITAR_WAIT_PATCH; w.way++) {
        e = ocitar_blob_begin(&b, l, 0, &w);
        if (e == OCITAR_OK)
            e = ocitar_blob_write(&b, "x", 1);
        if (e == OCITAR_OK)
            e = ocitar_blob_commit(&b, 1, NULL);
        CHECK_CODE(e, OCITAR_E_SINK);
        CHECK(s->root.error.user_code == 55);
        CHECK_CODE(ocitar_blob_close(&b), OCITAR_OK);
        CHECK(s->open == 0);
        shelf_cancel(s);
    }
    *code = 0;
    CHECK_CODE(ocitar_file_put(l, "f", 0, 0644, "x", 1), OCITAR_OK);
    CHECK_CODE(ocitar_root_finish(&s->root), OCITAR_OK);
    CHECK(s->count == 1);
    shelf_stop(s);
}

static void test_driver_begin_fails(void)
{
    static shelf s;
    ocitar_layout l;

    shelf_start(&s, &l);
    shelf_break(&s.begin_code, &s, &l);
}

static void test_driver_write_fails(void)
{
    static shelf s;
    ocitar_layout l;

    shelf_start(&s, &l);
    shelf_break(&s.write_code, &s, &l);
}

static void test_driver_end_fails(void)
{
    static shelf s;
    ocitar_layout l;

    shelf_start(&s, &l);
    shelf_break(&s.end_code, &s, &l);
}

/* If something of it remains, that is the end. */
static void test_driver_cancel_fails(void)
{
    static shelf s;
    ocitar_layout l;
    ocitar_blob b;

    shelf_start(&s, &l);
    CHECK_CODE(ocitar_blob_begin(&b, &l, 0, NULL), OCITAR_OK);
    s.cancel_code = OCITAR_E_SYSTEM;
    CHECK(ocitar_blob_close(&b) != OCITAR_OK);
    CHECK(ocitar_root_finish(&s.root) != OCITAR_OK);
    CHECK(ocitar_file_put(&l, "f", 0, 0644, "x", 1) != OCITAR_OK);
    shelf_stop(&s);
}

static void test_root_fail(void)
{
    static shelf s;
    ocitar_layout l;

    shelf_start(&s, &l);
    CHECK_CODE(ocitar_root_fail(&s.root, OCITAR_E_SYSTEM, 5, "disk"),
               OCITAR_E_SYSTEM);
    CHECK_CODE(ocitar_root_fail(&s.root, OCITAR_E_SINK, 6, "later"),
               OCITAR_E_SYSTEM);
    CHECK(s.root.error.user_code == 5 &&
          strcmp(s.root.error.subject, "disk") == 0);
    CHECK_CODE(ocitar_blob_put(&l, 0, "x", 1, NULL), OCITAR_E_SYSTEM);
    CHECK_CODE(ocitar_root_finish(&s.root), OCITAR_E_SYSTEM);
    CHECK_CODE(ocitar_root_finish(NULL), OCITAR_E_ARG);
    CHECK(s.begins == 0);
    shelf_stop(&s);
}

/* ---- objects that were never begun ---- */

static void test_zero_objects(void)
{
    unsigned char buffer[8], room[8];
    ocitar_root root;
    ocitar_layout l;
    ocitar_file file;
    ocitar_blob b;
    ocitar_spool spool;
    ocitar_source source = OCITAR_ZERO;
    ocitar_digest d;
    script s;

    memset(&root, 0, sizeof root);
    memset(&l, 0, sizeof l);
    memset(&file, 0, sizeof file);
    memset(&b, 0, sizeof b);
    source = script_of(&s, "x", 1);
    CHECK_CODE(ocitar_spool_begin_buffer(&spool, room, 8), OCITAR_OK);
    CHECK_CODE(ocitar_root_finish(&root), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layout_init(&l), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layout_remove(&l, "x"), OCITAR_E_STATE);
    CHECK_CODE(ocitar_layout_reader(&l, "x", &source), OCITAR_E_STATE);
    CHECK_CODE(ocitar_file_write(&file, "x", 1), OCITAR_E_STATE);
    CHECK_CODE(ocitar_file_close(&file), OCITAR_E_STATE);
    CHECK_CODE(ocitar_file_abandon(&file), OCITAR_E_STATE);
    CHECK_CODE(ocitar_file_put(&l, "x", 0, 0644, "x", 1), OCITAR_E_STATE);
    CHECK_CODE(ocitar_blob_write(&b, "x", 1), OCITAR_E_STATE);
    CHECK_CODE(ocitar_blob_commit(&b, 0, NULL), OCITAR_E_STATE);
    CHECK_CODE(ocitar_blob_close(&b), OCITAR_E_STATE);
    CHECK_CODE(ocitar_blob_digest(&b, &d), OCITAR_E_STATE);
    CHECK_CODE(ocitar_blob_put(&l, 0, "x", 1, NULL), OCITAR_E_STATE);
    CHECK_CODE(ocitar_blob_copy(&l, 0, &source, buffer, 8, NULL, NULL),
               OCITAR_E_STATE);
    CHECK_CODE(ocitar_file_begin(&file, &l, "x", 0, 0644, &spool),
               OCITAR_E_STATE);
    CHECK_CODE(ocitar_file_close(&file), OCITAR_E_STATE);
    CHECK_CODE(ocitar_blob_begin(&b, &l, 0, NULL), OCITAR_E_STATE);
    CHECK_CODE(ocitar_blob_commit(&b, 0, NULL), OCITAR_E_STATE);
}

static void test_null_objects(void)
{
    ocitar_file file;
    ocitar_blob b;
    ocitar_source source = OCITAR_ZERO;
    ocitar_spool spool;

    CHECK_CODE(ocitar_layout_init(NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layout_remove(NULL, "x"), OCITAR_E_ARG);
    CHECK_CODE(ocitar_layout_reader(NULL, "x", &source), OCITAR_E_ARG);
    CHECK_CODE(ocitar_file_begin(NULL, NULL, "x", 0, 0, &spool),
               OCITAR_E_ARG);
    CHECK_CODE(ocitar_file_begin(&file, NULL, "x", 0, 0, &spool),
               OCITAR_E_ARG);
    CHECK_CODE(ocitar_file_write(NULL, "x", 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_file_close(NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_file_abandon(NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_begin(NULL, NULL, 0, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_begin(&b, NULL, 0, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_write(&b, "x", 1), OCITAR_E_STATE);
    CHECK_CODE(ocitar_blob_write(NULL, "x", 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_commit(NULL, 0, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_blob_close(NULL), OCITAR_E_ARG);
}

static void test_layouts(void)
{
    test_init();
    test_init_algorithms();
    test_init_fails();
    test_remove_reader();
    test_layout_begin_arguments();
    test_file();
    test_file_spool_is_used_again();
    test_file_abandon();
    test_file_of_nothing();
    test_file_names_refused();
    test_file_names_taken();
    test_file_put();
    test_file_spool_full();
    test_file_without_spool();
    test_spool_in_a_store();
    test_spool_store_fails();
    test_spool_store_is_stale();
    test_spool_store_fails_too_late();
    test_spool_without_memory();
}

static void test_blobs(void)
{
    test_blob_ways_are_equal();
    test_blob_algorithms();
    test_blob_put_arguments();
    test_blob_begin_refused();
    test_blob_auto();
    test_blob_auto_without_spool();
    test_blob_way_unknown();
    test_blob_commit();
    test_blob_commit_of_another_algorithm();
    test_blob_known_is_enforced();
    test_blob_known_in_the_buffer();
    test_blob_close_without_commit();
    test_blob_close_after_commit();
    test_blob_spool_full();
    test_blob_side_by_side();
    test_blob_written_once();
    test_blob_there_but_wrong();
    test_blob_keys_full();
    test_blob_digest();
    test_blob_of_eight_gibibytes();
    test_blob_engine();
    test_blob_engine_begin_fails();
    test_blob_engine_update_fails();
    test_blob_engine_end_fails();
    test_copy();
    test_many();
    test_copy_arguments();
    test_copy_breaks();
    test_copy_of_a_liar();
}

static void test_order(void)
{
    test_blob_owns_the_tail();
    test_busy_then_wrong();
    test_busy_with_an_entry();
    test_finish_with_an_open_blob();
    test_finish_with_a_spooled_blob();
    test_errors_of_children();
    test_rehearsal();
    test_rehearsal_changes();
    test_rehearsal_table_full();
    test_rehearsal_beside_spools();
}

int main(void)
{
    content_fill();
    test_layouts();
    test_blobs();
    test_order();
    test_sink_fails();
    test_patch_fails();
    test_truncate_fails();
    test_hook_refuses();
    test_hook_refuses_a_file();
    test_hook_refuses_init();
    test_hook_changes();
    test_driver();
    test_driver_of_known_sizes();
    test_driver_begin_fails();
    test_driver_write_fails();
    test_driver_end_fails();
    test_driver_cancel_fails();
    test_root_fail();
    test_zero_objects();
    test_null_objects();
    return check_done();
}
