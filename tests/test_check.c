/* test_check - whole archives against the rules of the image specification:
   the good image with one thing replaced, and what is found then.

   With TEST_BY_READING each archive is a source that is read where the checker
   likes to, with blobs hashed ahead however small they are: the same must be
   found. */

#ifdef TEST_BY_READING
#define OCITAR_STATIC
#define OCITAR_I_AHEAD_MIN 1
#define OCITAR_I_IDLE_MIN 1
#endif
#include "ocitar.h"
#include "check.h"

#include <stdarg.h>
#include <time.h>

#define TYPE "application/vnd.oci.image."
#define T_MANIFEST "\"" TYPE "manifest.v1+json\""
#define T_INDEX "\"" TYPE "index.v1+json\""
#define T_CONFIG "\"" TYPE "config.v1+json\""
#define T_LAYER "\"" TYPE "layer.v1.tar\""
#define T_EMPTY "\"application/vnd.oci.empty.v1+json\""

/* ---- memory that a test holds until its end ---------------------------- */

static void **held;
static size_t held_count, held_room;

static char *hold(size_t len)
{
    char *p = (char *)malloc(len + 1);

    if (held_count == held_room) {
        held_room = 2 * held_room + 64;
        held = (void **)realloc(held, held_room * sizeof held[0]);
    }
    if (p == NULL || held == NULL)
        abort();
    held[held_count++] = p;
    return p;
}

static void let_go(void)
{
    while (held_count > 0)
        free(held[--held_count]);
}

static char *text_of(const char *format, ...)
{
    va_list a;
    char *p;
    int n;

    va_start(a, format);
    n = vsnprintf(NULL, 0, format, a);
    va_end(a);
    p = hold((size_t)n);
    va_start(a, format);
    vsnprintf(p, (size_t)n + 1, format, a);
    va_end(a);
    return p;
}

/* `c`, n times. */
static char *many(char c, size_t n)
{
    char *p = hold(n);

    memset(p, c, n);
    p[n] = 0;
    return p;
}

/* The text with its one `from` replaced. That it is there is checked: a test
   whose archive is the good one after all would prove nothing. */
static const char *swap(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);

    if (at == NULL || strstr(at + 1, from) != NULL) {
        check_failed++;
        printf("FAIL %s: not there once: %s\n", __FILE__, from);
        return text;
    }
    return text_of("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void hex_of(const void *data, size_t len, char out[65])
{
    char text[OCITAR_DIGEST_TEXT_MAX];
    ocitar_digest d;

    if (ocitar_digest_of(&d, OCITAR_SHA256, data, len) != OCITAR_OK)
        abort();
    ocitar_digest_format(&d, text);
    memcpy(out, text + 7, 65);
}

/* ---- tars -------------------------------------------------------------- */

typedef struct tar {
    check_sink out;
    ocitar_archive archive;
    unsigned char buffer[512];
} tar;

static void tar_begin(tar *t)
{
    ocitar_archive_desc a = OCITAR_ZERO;

    memset(t, 0, sizeof *t);
    a.buffer = t->buffer;
    a.buffer_size = sizeof t->buffer;
    a.sink.put_fn = check_put;
    a.sink.user = &t->out;
    if (ocitar_archive_begin(&t->archive, &a) != OCITAR_OK)
        abort();
}

static void tar_entry(tar *t, const ocitar_entry *e, const void *body)
{
    if (ocitar_archive_header(&t->archive, e) != OCITAR_OK ||
        (e->size > 0 && ocitar_archive_write(&t->archive, body,
                                             (size_t)e->size) != OCITAR_OK))
        abort();
}

static void tar_add(tar *t, char type, const char *name, const void *body,
                    size_t len)
{
    ocitar_entry e = OCITAR_ZERO;

    e.name = name;
    e.typeflag = type;
    e.mode = 0644;
    e.size = (int64_t)len;
    if (type == '1' || type == '2')
        e.linkname = (const char *)body, e.size = 0;
    tar_entry(t, &e, body);
}

static void tar_end(tar *t)
{
    if (ocitar_archive_finish(&t->archive) != OCITAR_OK)
        abort();
}

/* An entry of a layer. Of links `body` is the target. */
typedef struct item {
    char type;
    const char *name, *body;
} item;

static const char *tar_of(const item *items, size_t count, size_t *len)
{
    tar t;
    char *p;
    size_t i;

    tar_begin(&t);
    for (i = 0; i < count; i++)
        tar_add(&t, items[i].type, items[i].name, items[i].body,
                items[i].body == NULL ? 0 : strlen(items[i].body));
    tar_end(&t);
    p = hold(t.out.len);
    memcpy(p, t.out.data, t.out.len);
    *len = t.out.len;
    free(t.out.data);
    return p;
}

/* ---- images ------------------------------------------------------------ */

/* The documents of an image. In them stand for the digest and the size of the
   layer @L and @l, of config @C and @c, of manifest @M and @m, of the extra
   blob @X and @x; for the layer's diffID @D. NULL is left out. */
typedef struct plan {
    const char *layout, *index, *manifest, *config;
    const char *layer, *tar, *extra;
    size_t layer_len, tar_len, extra_len;
    const char *layer_name; /* of its entry, instead of the digest */
    const item *more;       /* further entries of the archive */
    size_t more_count;
} plan;

static const item good_items[] = {{'5', "etc/", NULL},
                                  {'0', "etc/x", "hello\n"}};

#define DESC(type, digest, size)                                              \
    "{\"mediaType\":" type ",\"digest\":\"sha256:" digest "\",\"size\":" size \
    "}"
#define PLATFORM "\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\"}"
#define ENTRY                                                                 \
    "{\"mediaType\":" T_MANIFEST                                              \
    ",\"digest\":\"sha256:@M\",\"size\":@m," PLATFORM "}"

static plan good(void)
{
    plan p;

    memset(&p, 0, sizeof p);
    p.layout = "{\"imageLayoutVersion\":\"1.0.0\"}";
    p.index = "{\"schemaVersion\":2,\"mediaType\":" T_INDEX
              ",\"manifests\":[" ENTRY "]}";
    p.manifest =
        "{\"schemaVersion\":2,\"mediaType\":" T_MANIFEST
        ",\"config\":" DESC(T_CONFIG, "@C", "@c") ",\"layers\":[" DESC(
            T_LAYER, "@L", "@l") "]}";
    p.config = "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{"
               "\"type\":\"layers\",\"diff_ids\":[\"sha256:@D\"]}}";
    p.layer = tar_of(good_items, 2, &p.layer_len);
    return p;
}

typedef struct named {
    const char *data;
    size_t len;
    char hex[65];
} named;

static void name_it(named *n, const char *data, size_t len)
{
    n->data = data;
    n->len = len;
    if (data != NULL)
        hex_of(data, len, n->hex);
}

enum { LAYER, CONFIG, MANIFEST, EXTRA, TAR, BLOBS };

static const char *fill(const char *text, const named *blobs)
{
    static const char letters[] = "LCMXDlcmx";
    size_t n = 0, room, i;
    const char *c, *letter;
    char *out;

    if (text == NULL)
        return NULL;
    room = strlen(text) + 1;
    for (c = text; *c != 0; c++)
        room += *c == '@' ? 64 : 0;
    out = hold(room);
    for (; *text != 0; text++) {
        letter =
            text[0] == '@' && text[1] != 0 ? strchr(letters, text[1]) : NULL;
        if (letter == NULL) {
            out[n++] = *text;
            continue;
        }
        i = (size_t)(letter - letters);
        text++;
        if (i < BLOBS)
            memcpy(out + n, blobs[i].hex, 64), n += 64;
        else
            n += (size_t)snprintf(out + n, 24, "%lu",
                                  (unsigned long)blobs[i - BLOBS].len);
    }
    out[n] = 0;
    return out;
}

static void name_text(named *n, const char *text, const named *blobs)
{
    text = fill(text, blobs);
    name_it(n, text, text == NULL ? 0 : strlen(text));
}

static void name_extra(const plan *p, named *blobs)
{
    if (p->extra_len > 0) /* bytes as they are */
        name_it(&blobs[EXTRA], p->extra, p->extra_len);
    else
        name_text(&blobs[EXTRA], p->extra, blobs);
}

static void name_blobs(const plan *p, named *blobs)
{
    int late = p->manifest == NULL || strstr(p->manifest, "@X") == NULL;

    memset(blobs, 0, BLOBS * sizeof blobs[0]);
    name_it(&blobs[LAYER], p->layer, p->layer_len);
    name_it(&blobs[TAR], p->tar == NULL ? p->layer : p->tar,
            p->tar == NULL ? p->layer_len : p->tar_len);
    if (!late)
        name_extra(p, blobs);
    name_text(&blobs[CONFIG], p->config, blobs);
    name_text(&blobs[MANIFEST], p->manifest, blobs);
    if (late)
        name_extra(p, blobs);
}

static void add_text(tar *t, const char *name, const char *text)
{
    if (text != NULL)
        tar_add(t, '0', name, text, strlen(text));
}

static void add_blob(tar *t, const plan *p, const named *blobs, int i)
{
    if (blobs[i].data == NULL)
        return;
    tar_add(t, '0',
            i == LAYER && p->layer_name != NULL
                ? p->layer_name
                : text_of("blobs/sha256/%s", blobs[i].hex),
            blobs[i].data, blobs[i].len);
}

/* The archive, with its blobs in either order, index.json last or first. */
static void build(tar *t, const plan *p, int first)
{
    named blobs[BLOBS];
    size_t i;
    int b;

    name_blobs(p, blobs);
    tar_begin(t);
    if (first) {
        add_text(t, "index.json", fill(p->index, blobs));
        add_text(t, "oci-layout", p->layout);
    }
    for (b = 0; b < TAR; b++)
        add_blob(t, p, blobs, first ? TAR - 1 - b : b);
    if (!first) {
        add_text(t, "oci-layout", p->layout);
        add_text(t, "index.json", fill(p->index, blobs));
    }
    for (i = 0; i < p->more_count; i++) {
        const item *m = &p->more[i];

        tar_add(t, m->type, fill(m->name, blobs), m->body,
                m->body == NULL ? 0 : strlen(m->body));
    }
    tar_end(t);
}

/* ---- checks ------------------------------------------------------------ */

enum { SLOTS = 64, SEEN = 256, PATHS = 64, FOUND_MAX = 256, WORD = 8 };

static ocitar_checker_desc setup;
static ocitar_slot slots[SLOTS];
static uint64_t seen[SEEN];
static ocitar_key paths[PATHS];
static ocitar_layer_checker layer_checker;
static char buffer[768], layer_buffer[1024];

typedef struct found {
    uint8_t rule, severity, kind;
    uint64_t expected_size, actual_size;
    ocitar_digest digest, expected, actual;
    char name[100];
    const char *text;
} found;

static found findings[FOUND_MAX];
static size_t finding_count;
static ocitar_checker checker;

static int note_finding(void *user, const ocitar_finding *f)
{
    found *n = &findings[finding_count];

    (void)user;
    if (finding_count == FOUND_MAX)
        return 0;
    finding_count++;
    memset(n, 0, sizeof *n);
    n->rule = f->rule;
    n->severity = f->severity;
    n->kind = f->kind;
    n->text = f->text;
    n->expected_size = f->expected_size;
    n->actual_size = f->actual_size;
    n->digest = f->digest;
    n->expected = f->expected;
    n->actual = f->actual;
    if (f->name != NULL && f->name_len < sizeof n->name)
        memcpy(n->name, f->name, f->name_len);
    return 0;
}

/* Everything that can be checked is, in little memory. */
static void defaults(void)
{
    memset(&setup, 0, sizeof setup);
    setup.slots = slots;
    setup.slot_count = SLOTS;
    setup.buffer = buffer;
    setup.buffer_size = sizeof buffer;
    setup.seen = seen;
    setup.seen_count = SEEN;
    setup.paths = paths;
    setup.path_count = PATHS;
    setup.layer_buffer = layer_buffer;
    setup.layer_buffer_size = sizeof layer_buffer;
    setup.layer = &layer_checker;
    setup.finding_fn = note_finding;
}

/* Pushes the bytes in pieces. */
static int push_all(const unsigned char *data, size_t len, size_t piece)
{
    size_t n;
    int e = OCITAR_OK;

    for (; len > 0 && e == OCITAR_OK; data += n, len -= n) {
        n = len < piece ? len : piece;
        e = ocitar_checker_push(&checker, data, n);
    }
    return e;
}

#ifdef TEST_BY_READING
enum { by_reading = 1 };
#else
enum { by_reading = 0 };
#endif

typedef struct memory {
    const unsigned char *data;
    size_t len, most; /* of one reading */
    size_t taken;     /* bytes read in all */
    int reads, fail_at, code;
} memory;

static int memory_get_at(void *user, uint64_t offset, void *out,
                         size_t capacity, size_t *len)
{
    memory *m = (memory *)user;
    size_t n = offset < m->len ? m->len - (size_t)offset : 0;

    if (++m->reads == m->fail_at)
        return m->code;
    n = n < capacity ? n : capacity;
    *len = n < m->most ? n : m->most;
    if (*len > 0)
        memcpy(out, m->data + offset, *len);
    m->taken += *len;
    return 0;
}

/* The whole at once, by reading. */
static int read_all(memory *m, size_t buffer_size)
{
    static unsigned char room[8192];
    ocitar_source source = OCITAR_ZERO;

    source.get_at_fn = memory_get_at;
    source.user = m;
    return ocitar_checker_read(&checker, &source, room, buffer_size);
}

static int check_bytes(const void *data, size_t len, size_t piece)
{
    finding_count = 0;
    memset(&checker, 0x55, sizeof checker);
    if (ocitar_checker_begin(&checker, &setup) != OCITAR_OK)
        abort();
#ifdef TEST_BY_READING
    {
        memory m = OCITAR_ZERO;

        m.data = (const unsigned char *)data;
        m.len = len;
        m.most = piece == 0 ? 1 : piece;
        read_all(&m, piece % 2 == 0 ? 3072 : 8192);
        (void)push_all;
    }
#else
    push_all((const unsigned char *)data, len, piece);
#endif
    return ocitar_checker_end(&checker);
}

static int word_order(const void *a, const void *b)
{
    return strcmp((const char *)a, (const char *)b);
}

/* The findings in order, such as "14E 06iu": rule, severity (E, w, i), and
   its kind if it is not just invalid: missing, unreferenced, unVerifiable,
   unchecked. */
static const char *summary(void)
{
    static char words[FOUND_MAX][WORD], out[FOUND_MAX * WORD];
    size_t i, n = 0;

    for (i = 0; i < finding_count; i++) {
        const found *f = &findings[i];

        snprintf(words[i], WORD, "%02u%c%.1s", (unsigned)f->rule,
                 "iwE"[f->severity], &"\0muvc"[f->kind]);
    }
    qsort(words, finding_count, WORD, word_order);
    out[0] = 0;
    for (i = 0; i < finding_count; i++)
        n += (size_t)sprintf(out + n, "%s%s", i > 0 ? " " : "", words[i]);
    return out;
}

/* The verdict follows from the findings, and so do the counts. */
static int consistent(int verdict)
{
    uint32_t n[3] = {0, 0, 0};
    size_t i;

    for (i = 0; i < finding_count; i++)
        n[findings[i].severity]++;
    return n[2] == checker.errors && n[1] == checker.warnings &&
           n[0] == checker.notes &&
           verdict == (n[2] > 0 ? OCITAR_E_INVALID : OCITAR_OK);
}

static void same(int line, const char *what, const char *want, int verdict)
{
    const char *got = summary();

    if (strcmp(got, want) == 0 && consistent(verdict)) {
        check_passed++;
        return;
    }
    check_failed++;
    printf("FAIL %s:%d: %s: found \"%s\" (%s), not \"%s\"\n", __FILE__, line,
           what, got, ocitar_error_name(verdict), want);
}

/* Checks the archive in both orders, whole and byte by byte. */
static void finds_at(int line, const plan *p, const char *want)
{
    static const size_t pieces[] = {1, 100000000};
    static const char *const ways[] = {"index last", "index first"};
    int first, i, verdict;
    tar t;

    for (first = 0; first < 2; first++) {
        build(&t, p, first);
        for (i = 0; i < 2; i++) {
            verdict = check_bytes(t.out.data, t.out.len, pieces[i]);
            same(line, ways[first], want, verdict);
        }
        free(t.out.data);
    }
}

#define FINDS(p, want) finds_at(__LINE__, p, want)

/* One document of the good image changed, and what is found. */
static void change_at(int line, char doc, const char *from, const char *to,
                      const char *want)
{
    plan p = good();
    const char **text = doc == 'l'   ? &p.layout
                        : doc == 'i' ? &p.index
                        : doc == 'm' ? &p.manifest
                                     : &p.config;

    *text = from == NULL ? to : swap(*text, from, to);
    finds_at(line, &p, want);
}

#define LAYOUT(from, to, want) change_at(__LINE__, 'l', from, to, want)
#define INDEX(from, to, want) change_at(__LINE__, 'i', from, to, want)
#define MANIFEST(from, to, want) change_at(__LINE__, 'm', from, to, want)
#define CONFIG(from, to, want) change_at(__LINE__, 'c', from, to, want)

/* A descriptor with fields of its own choice, as the manifest's subject,
   which leads to nothing and need not be there. */
static void subject_at(int line, const char *fields, const char *want)
{
    change_at(line, 'm', ",\"config\"",
              text_of(",\"subject\":{%s},\"config\"", fields), want);
}

#define SUBJECT(fields, want) subject_at(__LINE__, fields, want)

#define SOME "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define S_TYPE "\"mediaType\":\"a/b\""
#define S_DIGEST "\"digest\":\"sha256:" SOME "\""
#define S_SIZE "\"size\":3"
#define EMPTY                                                                 \
    "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

/* The layer made of these items. */
static void layer_at(int line, const item *items, size_t count,
                     const char *want)
{
    plan p = good();

    p.layer = tar_of(items, count, &p.layer_len);
    finds_at(line, &p, want);
}

#define ITEMS(items, want)                                                    \
    layer_at(__LINE__, items, sizeof(items) / sizeof(items)[0], want)

/* ---- rules ------------------------------------------------------------- */

static void test_good(void)
{
    plan p = good();

    FINDS(&p, "");
    setup.strict = 1;
    FINDS(&p, "");
    defaults();
    setup.layer = NULL; /* the paths of its layer: not checked */
    FINDS(&p, "55ic");
    defaults();
    setup.seen = NULL; /* and names that occur twice, of four documents */
    FINDS(&p, "26ic 26ic 26ic 26ic");
    defaults();
}

/* index.json must name what was asked for, itself. */
static void test_rule_0(void)
{
    plan p = good();
    named blobs[BLOBS];

    name_blobs(&p, blobs);
    CHECK_CODE(ocitar_digest_of(&setup.expected, OCITAR_SHA256,
                                blobs[MANIFEST].data, blobs[MANIFEST].len),
               OCITAR_OK);
    FINDS(&p, "");
    setup.expected.bytes[31] ^= 1;
    FINDS(&p, "00Em");
    CHECK(ocitar_digest_equal(&findings[0].expected, &setup.expected));
    CHECK_CODE(ocitar_digest_of(&setup.expected, OCITAR_SHA256,
                                blobs[CONFIG].data, blobs[CONFIG].len),
               OCITAR_OK);
    FINDS(&p, "00Em"); /* it is there, but not named by index.json */
    CHECK_CODE(ocitar_digest_of(&setup.expected, OCITAR_SHA256,
                                blobs[MANIFEST].data, blobs[MANIFEST].len),
               OCITAR_OK);
    p.index = fill(p.index, blobs);
    p.manifest = NULL; /* it is named, and not there */
    FINDS(&p, "00Em 06iu 06iu 07wm");
    p = good();
    p.manifest = fill(p.manifest, blobs);
    p.config = fill(p.config, blobs);
    p.layer = NULL; /* it is there, and not whole */
    FINDS(&p, "07Em");
    defaults();
}

/* Names that readers in Go take for those of the specification. */
static void test_confused_names(void)
{
    INDEX("\"manifests\"", "\"Manifests\":[],\"manifests\"", "26E");
    INDEX("\"manifests\"", "\"manife\xC5\xBFts\":[],\"manifests\"", "26E");
    INDEX("\"digest\"", "\"Digest\":\"x\",\"digest\"", "26E");
    INDEX("\"digest\"", "\"diges\":\"x\",\"digest\"", "");
    CONFIG("\"os\"", "\"OS\":\"x\",\"os\"", "26E");
    MANIFEST("\"layers\"", "\"mediatype\":\"x\",\"layers\"", "26E");
    MANIFEST("\"config\"",
             "\"annotations\":{\"A\":\"\",\"a\":\"\"},\"config\"", "");
}

static void test_rule_1(void)
{
    static const item dir[] = {{'5', "blobs/", NULL}};
    plan p;

    memset(&p, 0, sizeof p);
    p.layout = good().layout;
    p.index =
        "{\"schemaVersion\":2,\"mediaType\":" T_INDEX ",\"manifests\":[]}";
    FINDS(&p, "01wm");
    setup.strict = 1;
    FINDS(&p, "01Em");
    defaults();
    p.more = dir;
    p.more_count = 1;
    FINDS(&p, "");
}

static void test_rule_2(void)
{
    plan p = good();

    LAYOUT("1.0.0", "1.0.1", "02E");
    LAYOUT("1.0.0", "1.0.0\\u0000", "02E");
    LAYOUT("\"1.0.0\"", "1", "02E");
    LAYOUT("imageLayoutVersion", "imageLayoutversion", "02E");
    LAYOUT(NULL, "", "02E");
    LAYOUT(NULL, "[]", "02E");
    LAYOUT(NULL, "\"1.0.0\"", "02E");
    LAYOUT("}", "", "02E");
    LAYOUT("}", "}}", "02E");
    LAYOUT("{", "{\"more\":[{\"x\":null}],", "");
    p.layout = NULL;
    FINDS(&p, "02Em");
}

static void test_rule_3(void)
{
    plan p = good();

    INDEX(NULL, "{}", "03E 06iu 06iu 06iu");
    INDEX(NULL, "[]", "03E 06iu 06iu 06iu");
    INDEX(NULL, "", "03E 06iu 06iu 06iu");
    INDEX(NULL, "{\"imageLayoutVersion\":\"1.0.0\"}", "03E 06iu 06iu 06iu");
    p.index = NULL;
    FINDS(&p, "03Em 06iu 06iu 06iu");
    /* layers that index.json itself lists belong to no image */
    {
        plan q = good();
        tar t;

        q.index = q.manifest;
        build(&t, &q, 0);
        CHECK_CODE(check_bytes(t.out.data, t.out.len, 100), OCITAR_E_INVALID);
        CHECK(strncmp(summary(), "03E", 3) == 0);
        free(t.out.data);
    }
}

/* Every blob is hashed, and the finding says both digests. */
static void test_rule_4(void)
{
    plan p = good();
    named blobs[BLOBS];
    char *other;

    name_blobs(&p, blobs);
    other = hold(p.layer_len);
    memcpy(other, p.layer, p.layer_len);
    other[1024] ^= 1; /* "hello" */
    p.layer_name = text_of("blobs/sha256/%s", blobs[LAYER].hex);
    p.manifest = fill(p.manifest, blobs);
    p.config = fill(p.config, blobs);
    p.layer = other;
    FINDS(&p, "04E");
    CHECK(memcmp(&findings[0].digest, &findings[0].expected,
                 sizeof findings[0].digest) == 0);
    CHECK(findings[0].actual.algorithm == OCITAR_SHA256);
    CHECK(!ocitar_digest_equal(&findings[0].actual, &findings[0].expected));
    p = good();
    p.more_count = 1; /* what nothing refers to is hashed, too */
    p.more = (const item[]){{'0', "blobs/sha256/" SOME, "abd"}};
    FINDS(&p, "04E 06iu");
    p.more = (const item[]){{'0', "blobs/sha256/" SOME, "abc"}};
    FINDS(&p, "06iu");
}

static void bad_name(const char *name)
{
    plan p = good();
    item i;

    i.type = '0';
    i.name = name;
    i.body = "abc";
    p.more = &i;
    p.more_count = 1;
    FINDS(&p, "05E");
    CHECK(strcmp(findings[0].name, strlen(name) < 100 ? name : "") == 0);
}

static void test_rule_5(void)
{
    plan p = good();
    char *upper = text_of("blobs/sha256/%s", SOME);

    upper[13] = 'B';
    bad_name(upper);
    bad_name("blobs");
    bad_name("blobs/sha256");
    bad_name("blobs/" SOME);
    bad_name("blobs/sha256/ba78");
    bad_name("blobs/sha256/" SOME "0");
    bad_name("blobs/sha512/" SOME);
    bad_name("blobs/Sha256/" SOME);
    bad_name("blobs//sha256/" SOME);
    bad_name("blobs/sha256//" SOME);
    bad_name("blobs/sha256/" SOME ".tmp");
    bad_name("blobs/sha256/" SOME SOME);
    p.layer_name = "./blobs/sha256/" SOME; /* a prefix that tar may write */
    FINDS(&p, "04E 06iu 07wm");
}

static void test_rule_6(void)
{
    plan p = good();

    p.extra = "of no use";
    FINDS(&p, "06iu");
    setup.strict = 1;
    FINDS(&p, "06iu");
    defaults();
}

/* The core: the same errors of digests, sizes and documents; nothing of what
   only a person would want to know. */
static void test_core(void)
{
    plan p = good();
    named blobs[BLOBS];

    setup.core = 1;
    FINDS(&p, "");
    setup.layer = NULL;
    FINDS(&p, "");
    defaults();
    setup.core = 1;
    p.extra = "of no use";
    FINDS(&p, "");
    p = good();
    p.layer = "no tar at all";
    p.layer_len = 13;
    FINDS(&p, "");
    p = good();
    name_blobs(&p, blobs);
    p.manifest = fill(p.manifest, blobs);
    p.config = fill(p.config, blobs);
    p.layer = NULL;
    FINDS(&p, "07wm");
    setup.strict = 1;
    FINDS(&p, "07Em");
    setup.strict = 0;
    p.layer = "another";
    p.layer_len = 7;
    FINDS(&p, "07wm"); /* it is there, by its own name, and of no use */
    p.config = "{}";
    FINDS(&p, "07wm 07wm");
    p = good();
    p.index = "[]";
    FINDS(&p, "03E");
    p.index = "{\"manifests\":[{}],\"schemaVersion\":2}";
    FINDS(&p, "11E");
    defaults();
}

static void test_rule_7(void)
{
    plan p = good();
    named blobs[BLOBS];

    name_blobs(&p, blobs);
    p.manifest = fill(p.manifest, blobs);
    p.config = fill(p.config, blobs);
    p.layer = NULL;
    FINDS(&p, "07wm");
    CHECK(memcmp(findings[0].digest.bytes, blobs[LAYER].hex, 1) != 0);
    setup.strict = 1;
    FINDS(&p, "07Em");
    defaults();
    p = good();
    p.manifest = fill(p.manifest, blobs);
    p.config = NULL;
    FINDS(&p, "07wm");
    p = good();
    p.index = fill(p.index, blobs);
    p.manifest = NULL;
    FINDS(&p, "06iu 06iu 07wm");
}

static void test_rule_8(void)
{
    static const item files[] = {
        {'0', "README", "x"},          {'2', "link", "README"},
        {'5', "dir/", NULL},           {'3', "device", NULL},
        {'0', "Blobs/sha256/x", NULL}, {'0', "manifest.json", "["}};
    plan p = good();

    p.more = files;
    p.more_count = 6;
    FINDS(&p, "08i 08i 08i 61E 61E"); /* a link or device of any name */
}

static void test_rule_9(void)
{
    plan p = good();

    p.extra = "{\"layers\":7";
    p.index = swap(p.index, "]}",
                   ",{\"mediaType\":\"application/x.what+json\",\"digest\":"
                   "\"sha256:@X\",\"size\":@x}]}");
    FINDS(&p, "09i");
    setup.strict = 1;
    FINDS(&p, "09i");
    defaults();
}

#define NOTE(key, value) "\"annotations\":{\"" key "\":" value "}"
#define REF "org.opencontainers.image.ref.name"

static void test_rule_10(void)
{
    plan p = good();

    SUBJECT(S_TYPE "," S_DIGEST "," S_SIZE "," NOTE(REF, "\"v1\""),
            "10w 41im");
    MANIFEST("\"size\":@l", "\"size\":@l," NOTE(REF, "\"v1\""), "10w");
    INDEX(PLATFORM, PLATFORM "," NOTE(REF, "\"v1\""), "");
    p.extra = swap(p.index, PLATFORM, PLATFORM "," NOTE(REF, "\"v1\""));
    p.index = swap(swap(swap(p.index, "@M", "@X"), "@m", "@x"), "manifest.v1",
                   "index.v1");
    FINDS(&p, "10w");
}

static void test_rule_11(void)
{
    SUBJECT(S_DIGEST "," S_SIZE, "11E");
    SUBJECT("\"mediaType\":1," S_DIGEST "," S_SIZE, "11E");
    SUBJECT("\"mediaType\":null," S_DIGEST "," S_SIZE, "11E");
    SUBJECT("\"mediaType\":\"\"," S_DIGEST "," S_SIZE, "11E 41im");
    SUBJECT("\"mediaType\":\"text\"," S_DIGEST "," S_SIZE, "11E 41im");
    SUBJECT("\"mediaType\":\"a/b/c\"," S_DIGEST "," S_SIZE, "11E 41im");
    SUBJECT("\"mediaType\":\"-a/b\"," S_DIGEST "," S_SIZE, "11E 41im");
    SUBJECT("\"mediaType\":\"a/b; c\"," S_DIGEST "," S_SIZE, "11E 41im");
    SUBJECT("\"mediaType\":\"a/b#_+-\"," S_DIGEST "," S_SIZE, "41im");
    SUBJECT(
        text_of("\"mediaType\":\"a/%s\"," S_DIGEST "," S_SIZE, many('b', 127)),
        "41im");
    SUBJECT(
        text_of("\"mediaType\":\"a/%s\"," S_DIGEST "," S_SIZE, many('b', 128)),
        "11E 41im");
    SUBJECT(text_of("\"mediaType\":\"a/%s\"," S_DIGEST "," S_SIZE,
                    many('b', 65536)),
            "11E");
}

static void bad_digest(const char *digest, const char *want)
{
    SUBJECT(text_of(S_TYPE ",\"digest\":%s," S_SIZE, digest), want);
}

static void test_rule_12(void)
{
    SUBJECT(S_TYPE "," S_SIZE, "12E");
    bad_digest("7", "12E");
    bad_digest("\"\"", "12E");
    bad_digest("\"sha256\"", "12E");
    bad_digest("\":" SOME "\"", "12E");
    bad_digest("\"SHA256:" SOME "\"", "12E");
    bad_digest("\"a++b:00\"", "12E");
    bad_digest("\"x:a b\"", "12E");
    bad_digest("\"x:\"", "12E");
    bad_digest(text_of("\"x:%s\"", many('0', 500)), "12E");
    bad_digest("\"x+y.z_2-b:A0_=-\"", "41im");
}

static void bad_size(const char *size, const char *want)
{
    SUBJECT(text_of(S_TYPE "," S_DIGEST ",\"size\":%s", size), want);
}

static void test_rule_13(void)
{
    SUBJECT(S_TYPE "," S_DIGEST, "13E");
    bad_size("-1", "13E");
    bad_size("\"3\"", "13E");
    bad_size("null", "13E");
    bad_size("3.0", "13E");
    bad_size("3e0", "13E");
    bad_size("-9223372036854775808", "13E");
    bad_size("9223372036854775808", "13E 27w"); /* and above 2^53, too */
    bad_size("18446744073709551619", "13E 27w");
    bad_size(many('9', 400), "13E");
    bad_size("0", "41im");
}

static void test_rule_14(void)
{
    plan p = good();

    MANIFEST("@l", "1", "14E");
    CHECK(findings[0].expected_size == 1);
    CHECK(findings[0].actual_size == p.layer_len);
    MANIFEST("@c", "0", "14E");
    INDEX("@m", "1@m", "14E");
}

static void test_rule_15(void)
{
    static const char base[] = S_TYPE "," S_DIGEST "," S_SIZE ",\"urls\":";

    SUBJECT(text_of("%s[\"http://a/b\",\"https://a\"]", base), "41im");
    SUBJECT(text_of("%s[]", base), "41im");
    SUBJECT(text_of("%s[\"ftp://a/b/c\"]", base), "15w 41im");
    SUBJECT(text_of("%s[\"http://a\",\"\"]", base), "15w 41im");
    SUBJECT(text_of("%s[\"http:/\\u002fa\"]", base), "41im");
    SUBJECT(text_of("%s[7]", base), "15E 41im");
    SUBJECT(text_of("%s\"http://a\"", base), "15E 41im");
}

static void bad_data(const char *data, const char *want)
{
    SUBJECT(text_of(S_TYPE ",\"data\":%s," S_DIGEST "," S_SIZE, data), want);
    SUBJECT(text_of("\"data\":%s," S_SIZE "," S_DIGEST "," S_TYPE, data),
            want);
}

/* "abc" is YWJj. */
static void test_rule_16(void)
{
    plan p = good();

    bad_data("\"YWJj\"", "41im");
    bad_data("\"YWJk\"", "16E 41im");
    bad_data("\"YWJjZA==\"", "16E 41im");
    bad_data("\"YWI=\"", "16E 41im");
    bad_data("\"YWJ\"", "16E 41im");
    bad_data("\"\"", "16E 41im");
    bad_data("\"YWJj=\"", "16E 41im");
    bad_data("\"YW=j\"", "16E 41im");
    bad_data("\"=WJj\"", "16E 41im");
    bad_data("\"YWJj\\n\"", "16E 41im");
    bad_data("\"YW-_\"", "16E 41im");
    bad_data("3", "16E 41im");
    bad_data("\"YWJj\",\"x\":[\"data\",{\"data\":\"!\"}]", "41im");
    /* longer than the tokenizer's buffer */
    p.extra = many('a', 3000);
    p.index = swap(p.index, "]}",
                   text_of(",{\"mediaType\":\"a/b\",\"digest\":\"sha256:@X\","
                           "\"size\":@x,\"data\":\"%s\"}]}",
                           many('Q', 4000)));
    FINDS(&p, "09i 16E");
    p.extra = many('A', 3);
    p.index = swap(good().index, "]}",
                   ",{\"mediaType\":\"a/b\",\"digest\":\"sha256:@X\","
                   "\"size\":@x,\"data\":\"QUFB\"}]}");
    FINDS(&p, "09i");
}

static void test_empty_data(void)
{
    static const char rest[] =
        ",\"digest\":\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934c"
        "a495991b7852b855\",\"size\":0," S_TYPE;

    SUBJECT(text_of("\"data\":\"\"%s", rest), "41im");
    SUBJECT(text_of("\"data\":\"AA==\"%s", rest), "16E 41im");
}

/* Of other algorithms the size is compared, and the base64 checked. */
static void test_data_of_sha512(void)
{
    static const char rest[] =
        "\"digest\":\"sha512:" SOME SOME "\"," S_SIZE "," S_TYPE;

    SUBJECT(text_of("\"data\":\"YWJj\",%s", rest), "16ic 41im");
    SUBJECT(text_of("\"data\":\"YWJ\",%s", rest), "16E 41im");
    SUBJECT(text_of("\"data\":\"YWI=\",%s", rest), "16E 41im");
    SUBJECT(text_of("\"data\":\"YWJjYQ==\",%s", rest), "16E 41im");
    SUBJECT(text_of("\"data\":\"YW-_\",%s", rest), "16E 41im");
    SUBJECT(text_of("\"data\":\"YQ==YmM=\",%s", rest), "16E 41im");
    SUBJECT(text_of("\"data\":\"YWJj====\",%s", rest), "16E 41im");
}

/* 1000 times "AAA", as base64 in pieces, is right. */
static void test_long_data(void)
{
    plan p = good();
    char *data = hold(4000);
    size_t i;

    for (i = 0; i < 4000; i++)
        data[i] = "QUFB"[i & 3];
    data[4000] = 0;
    p.extra = many('A', 3000);
    p.index = swap(p.index, "]}",
                   text_of(",{\"mediaType\":\"a/b\",\"digest\":\"sha256:@X\","
                           "\"size\":@x,\"data\":\"%s\"}]}",
                           data));
    FINDS(&p, "09i");
}

static void test_rule_18(void)
{
    static const char base[] = S_TYPE "," S_DIGEST "," S_SIZE;

    SUBJECT(text_of("%s,\"artifactType\":\"a/b\"", base), "41im");
    SUBJECT(text_of("%s,\"artifactType\":\"ab\"", base), "18E 41im");
    SUBJECT(text_of("%s,\"artifactType\":\"\"", base), "18E 41im");
    SUBJECT(text_of("%s,\"artifactType\":[]", base), "18E 41im");
    MANIFEST("\"config\"", "\"artifactType\":\"a/b\",\"config\"", "");
    MANIFEST("\"config\"", "\"artifactType\":\"a b\",\"config\"", "18E");
    MANIFEST("\"config\"", "\"artifactType\":5,\"config\"", "18E");
}

static void test_rule_19(void)
{
    INDEX("," PLATFORM, "", "19w");
    INDEX(PLATFORM, "\"artifactType\":\"a/b\"", ""); /* has no platform */
}

static void test_rule_20(void)
{
    bad_digest("\"sha256:" SOME "0\"", "20E");
    bad_digest("\"sha256:ba78\"", "20E");
    bad_digest("\"sha256:B" SOME "\"", "20E");
    bad_digest("\"sha256:A7816bf8f01cfea414140de5dae2223b00361a396177a9cb4"
               "10ff61f20015ad0\"",
               "20E");
    bad_digest("\"sha256:g7816bf8f01cfea414140de5dae2223b00361a396177a9cb4"
               "10ff61f20015ad0\"",
               "20E");
    MANIFEST("sha256:@L", "sha256:" SOME "f", "06iu 20E");
}

static void test_rule_21(void)
{
    bad_digest("\"sha512:" SOME "\"", "21E");
    bad_digest("\"sha512:" SOME SOME "\"", "41im");
    bad_digest("\"sha512:" SOME SOME "0\"", "21E");
    bad_digest("\"sha384:" SOME "\"", "12E"); /* not in the specification */
}

/* Grammatical, but nobody here can compute it: not verified, not invalid. */
static void test_rule_23(void)
{
    plan p = good();
    named blobs[BLOBS];

    p.manifest = swap(p.manifest, "sha256:@L", "blake3:@L");
    name_blobs(&p, blobs);
    p.layer_name = text_of("blobs/blake3/%s", blobs[LAYER].hex);
    FINDS(&p, "23iv 49ic");
    p.manifest = swap(p.manifest, "@l", "1");
    FINDS(&p, "14E 23iv 49ic"); /* its size is another matter */
    p = good();
    p.manifest = swap(p.manifest, "sha256:@L", "new+hash:A_=-b");
    p.layer_name = "blobs/new+hash/A_=-b";
    FINDS(&p, "23iv 49ic");
    p.layer_name = "blobs/new+hash/A_=-c";
    FINDS(&p, "06iu 07wm 23iv");
}

static void test_rule_25(void)
{
    MANIFEST("\"config\"", "\"x\":\"\xff\",\"config\"", "06iu 06iu 25E");
    CONFIG("\"os\"", "\"\xc0\x80\":1,\"os\"", "25E");
    CONFIG("\"os\"", "\"x\":\"\xed\xa0\x80\",\"os\"", "25E");
    CONFIG("\"os\"", "\"x\":\"\\ud800\",\"os\"", "25E");
    CONFIG("\"os\"", "\"x\":\"\xf0\x9f\x98\x80\",\"os\"", "");
    INDEX("\"manifests\"", "\"x\":\"\x80\",\"manifests\"",
          "06iu 06iu 06iu 25E");
    LAYOUT("{", "{\"\xfe\":1,", "25E");
}

static void test_rule_26(void)
{
    CONFIG("\"os\"", "\"x\":1,\"x\":1,\"os\"", "26E");
    CONFIG("\"os\"", "\"x\":{\"a\":1,\"b\":2,\"\\u0061\":3},\"os\"", "26E");
    CONFIG("\"os\"", "\"x\":[{\"a\":1},{\"a\":{\"a\":2}}],\"os\"", "");
    MANIFEST("\"config\"", "\"layers\":[],\"config\"", "06iu 06iu 26E");
    INDEX("\"manifests\"", "\"schemaVersion\":2,\"manifests\"",
          "06iu 06iu 06iu 26E");
    LAYOUT("{", "{\"x\":1,\"x\":1,", "26E");
    setup.seen_count = 2; /* too few to tell */
    CONFIG("\"os\"", "\"x\":1,\"x\":1,\"os\"", "26ic 26ic 26ic");
    defaults();
}

static void test_rule_27(void)
{
    bad_size("9007199254740991", "41im");
    bad_size("9007199254740992", "27w 41im");
    bad_size("9223372036854775799", "27w 41im");
}

static void test_rule_31(void)
{
    MANIFEST("\"schemaVersion\":2,", "", "31E");
    MANIFEST("\"schemaVersion\":2", "\"schemaVersion\":1", "31E");
    MANIFEST("\"schemaVersion\":2", "\"schemaVersion\":\"2\"", "31E");
    MANIFEST("\"schemaVersion\":2", "\"schemaVersion\":22", "31E");
    MANIFEST(NULL, "{}", "06iu 06iu 31E"); /* no manifest at all */
    MANIFEST(NULL, "", "06iu 06iu 31E");
    MANIFEST("]}", "]", "06iu 06iu 31E");
    MANIFEST(NULL, "\x1f\x8b and so on", "06iu 06iu 31E");
}

static void test_rule_32(void)
{
    MANIFEST("\"mediaType\":" T_MANIFEST ",", "", "32w");
    MANIFEST(T_MANIFEST, T_INDEX, "32E");
    MANIFEST(T_MANIFEST, "\"a/b\"", "32E");
    MANIFEST(T_MANIFEST, "2", "32E 32w");
    MANIFEST(T_MANIFEST,
             "\"application/vnd.docker.distribution.manifest.v2+json\"", "");
    /* what could be taken for either, CVE-2021-41190 */
    INDEX("\"manifests\"", "\"layers\":[],\"manifests\"", "32E");
    INDEX("\"manifests\"",
          "\"config\":" DESC("\"a/b\"", "@C", "@c") ",\"manifests\"", "32E");
    MANIFEST("\"config\"", "\"manifests\":[],\"config\"", "06iu 06iu 31E");
}

static void test_rule_33(void)
{
    MANIFEST("\"config\":" DESC(T_CONFIG, "@C", "@c") ",", "", "06iu 33E");
    MANIFEST(DESC(T_CONFIG, "@C", "@c"), "[]", "06iu 33E");
    MANIFEST(DESC(T_CONFIG, "@C", "@c"), "null", "06iu 33E");
    MANIFEST(DESC(T_CONFIG, "@C", "@c"), "{}", "06iu 33E");
    /* one of another type is not looked into */
    MANIFEST(T_CONFIG, "\"application/x.config\"", "");
}

static void test_unknown_config(void)
{
    plan p = good();

    p.manifest = swap(p.manifest, T_CONFIG, "\"application/x.config\"");
    p.config = "{\"architecture\":[],\"layers\":1";
    FINDS(&p, "");
}

#define OTHER(text) swap(text, T_CONFIG, "\"application/x.config\"")
#define L_DESC DESC(T_LAYER, "@L", "@l")

static void test_rule_34(void)
{
    plan p = good();
    const char *manifest = OTHER(p.manifest);

    p.manifest = swap(manifest, ",\"layers\":[" L_DESC "]", "");
    FINDS(&p, "06iu 34E 34w");
    p.manifest = swap(manifest, "[" L_DESC "]", "null");
    FINDS(&p, "06iu 34E 34w");
    p.manifest = swap(manifest, "[" L_DESC "]", L_DESC);
    FINDS(&p, "06iu 34E 34w");
    p.manifest = swap(manifest, L_DESC, L_DESC ",7");
    FINDS(&p, "34E");
    p.manifest = swap(manifest, L_DESC, "[" L_DESC "]");
    FINDS(&p, "06iu 34E 34w");
    p.manifest = swap(manifest, L_DESC, "");
    FINDS(&p, "06iu 34w");
}

static void test_rule_37(void)
{
    plan p = good();

    p.config = "{}";
    p.manifest = swap(p.manifest, T_CONFIG, T_EMPTY);
    FINDS(&p, "37E");
    p.manifest =
        swap(p.manifest, "\"config\"", "\"artifactType\":\"\",\"config\"");
    FINDS(&p, "37E");
    p.manifest = swap(p.manifest, "e\":\"\"", "e\":\"a/b\"");
    FINDS(&p, "");
}

static void test_rule_38(void)
{
    MANIFEST(T_LAYER, "\"text/plain\"", "38w");
    MANIFEST(L_DESC, L_DESC "," DESC("\"text/plain\"", "@C", "@c"), "38w");
}

static void test_rule_40(void)
{
    plan p = good();

    p.config = "{ }";
    p.manifest = swap(swap(p.manifest, T_CONFIG, T_EMPTY), "\"config\"",
                      "\"artifactType\":\"a/b\",\"config\"");
    FINDS(&p, "40E");
    p.config = "[]"; /* the right size */
    FINDS(&p, "40E");
    p.config = "{}";
    p.manifest = swap(p.manifest, "@c", "3");
    FINDS(&p, "14E 40E");
    SUBJECT("\"mediaType\":" T_EMPTY "," S_DIGEST ",\"size\":2", "40E 41im");
}

static void test_rule_41(void)
{
    MANIFEST("\"config\"", "\"subject\":7,\"config\"", "41E");
    MANIFEST("\"config\"", "\"subject\":[],\"config\"", "41E");
    MANIFEST("\"config\"", "\"subject\":null,\"config\"", "41E");
    SUBJECT("\"mediaType\":" T_MANIFEST "," S_DIGEST "," S_SIZE, "41im");
    setup.strict = 1; /* a weak link all the same */
    SUBJECT("\"mediaType\":" T_MANIFEST "," S_DIGEST "," S_SIZE, "41im");
    defaults();
}

/* A subject that is there is judged as any other manifest. */
static void test_subject_that_is_there(void)
{
    plan p = good();

    p.extra = "{\"schemaVersion\":2,\"mediaType\":" T_MANIFEST
              ",\"artifactType\":\"a/b\",\"config\":" DESC(
                  "\"a/c\"", "@C", "@c") ",\"layers\":[" L_DESC "]}";
    p.manifest =
        swap(p.manifest, ",\"config\"",
             ",\"subject\":" DESC(T_MANIFEST, "@X", "@x") ",\"config\"");
    p.extra = swap(swap(p.extra, "@C", EMPTY), "@c", "2");
    p.more = (const item[]){{'0', "blobs/sha256/" EMPTY, "{}"}};
    p.more_count = 1;
    p.extra = swap(swap(p.extra, "@L", EMPTY), "@l", "2");
    p.extra = swap(p.extra, T_LAYER, "\"a/d\"");
    FINDS(&p, "");
    p.extra = swap(p.extra, "\"schemaVersion\":2", "\"schemaVersion\":3");
    FINDS(&p, "31E");
}

static void test_rule_42(void)
{
    INDEX("\"schemaVersion\":2,", "", "42E");
    INDEX("\"schemaVersion\":2", "\"schemaVersion\":1", "42E");
    INDEX("\"schemaVersion\":2", "\"schemaVersion\":\"2\"", "42E");
    INDEX("\"mediaType\":" T_INDEX ",", "", "42w");
    INDEX(T_INDEX, T_MANIFEST ",\"x\":1", "42E");
    INDEX(T_INDEX,
          "\"application/vnd.docker.distribution.manifest.list.v2+json\"", "");
}

/* index.json refers to an index, and that to the image. */
static plan nested(void)
{
    plan p = good();

    p.extra = p.index;
    p.index = "{\"schemaVersion\":2,\"mediaType\":" T_INDEX
              ",\"manifests\":[" DESC(T_INDEX, "@X", "@x") "]}";
    return p;
}

static void test_nested(void)
{
    plan p = nested();

    FINDS(&p, "");
    p.extra = swap(p.extra, "\"schemaVersion\":2", "\"schemaVersion\":1");
    FINDS(&p, "42E");
    p = nested();
    p.extra = swap(p.extra, "\"mediaType\":" T_INDEX ",", "");
    FINDS(&p, "42w");
    p = nested();
    p.extra = "{}"; /* no index at all */
    FINDS(&p, "06iu 06iu 06iu 42E");
    p = nested();
    p.extra = "{\"schemaVersion\":2,\"manifests\":[";
    FINDS(&p, "06iu 06iu 06iu 42E");
}

static void test_rule_43(void)
{
    plan p = nested();

    INDEX(ENTRY, ENTRY ",7", "43E");
    INDEX(ENTRY, "[" ENTRY "]", "06iu 06iu 06iu 43E");
    p.extra = swap(p.extra, ENTRY, ENTRY ",null");
    FINDS(&p, "43E");
    INDEX(ENTRY, "", "06iu 06iu 06iu");
}

static void test_rule_45(void)
{
    plan p = good();

    INDEX("\"architecture\":\"amd64\",", "", "45E 54w"); /* not as the */
    INDEX(",\"os\":\"linux\"", "", "45E 54w");           /* config's */
    INDEX(PLATFORM, "\"platform\":{}", "45E 54w");
    INDEX(PLATFORM, "\"platform\":[]", "19w 45E");
    INDEX("\"amd64\"", "64", "45E 54w");
    INDEX("\"os\":\"linux\"", "\"os\":null", "45E 54w");
    INDEX("\"os\":\"linux\"", "\"os\":\"linux\",\"variant\":3", "45E");
    INDEX("\"os\":\"linux\"", "\"os\":\"linux\",\"variant\":\"v2\"", "");
    p.index = swap(p.index, "\"amd64\"", "\"x86_64\"");
    p.config = swap(p.config, "amd64", "x86_64");
    FINDS(&p, "45w");
    p = good();
    p.index = swap(p.index, "\"linux\"", "\"Linux\"");
    p.config = swap(p.config, "linux", "Linux");
    FINDS(&p, "45w");
}

static void two_entries(const char *first, const char *second,
                        const char *want)
{
    plan p = good();

    p.manifest = OTHER(p.manifest); /* it has no platform of its own */
    p.index = swap(p.index, ENTRY,
                   text_of("%s,%s", swap(ENTRY, PLATFORM, first),
                           swap(ENTRY, PLATFORM, second)));
    FINDS(&p, want);
}

#define ARM "\"platform\":{\"architecture\":\"arm\",\"os\":\"linux\""

static void test_rule_46(void)
{
    two_entries(PLATFORM, PLATFORM, "46w");
    two_entries(PLATFORM, ARM "}", "");
    two_entries(ARM "}", ARM "}", "46w");
    two_entries(ARM ",\"variant\":\"v6\"}", ARM ",\"variant\":\"v7\"}", "");
    two_entries(PLATFORM "," NOTE(REF, "\"a\""),
                PLATFORM "," NOTE(REF, "\"b\""), "");
    two_entries(PLATFORM "," NOTE(REF, "\"a\""),
                PLATFORM "," NOTE(REF, "\"a\""), "46w");
}

static void test_rule_47(void)
{
    CONFIG("\"architecture\":\"amd64\",", "", "47E 54w");
    CONFIG("\"os\":\"linux\",", "", "47E 54w");
    CONFIG("\"amd64\"", "\"\"", "47E 54w");
    CONFIG("\"linux\"", "null", "47E 54w");
    CONFIG("\"linux\"", "[\"linux\"]", "47E 54w");
    CONFIG("\"os\"", "\"variant\":1,\"os\"", "47E");
    CONFIG(NULL, "{}", "47E"); /* no config at all */
    CONFIG(NULL, "not JSON", "47E");
    CONFIG("]}}", "]}", "47E");
}

static void test_rule_48(void)
{
    CONFIG("\"type\":\"layers\",", "", "48E");
    CONFIG("\"layers\"", "\"Layers\"", "48E");
    CONFIG("\"layers\"", "\"layersx\"", "48E");
    CONFIG("\"layers\"", "1", "48E");
    CONFIG("\"type\":\"layers\"", "\"type\":null", "48E");
    CONFIG("{\"type\":\"layers\",\"diff_ids\":[\"sha256:@D\"]}", "[]",
           "48E 49E");
}

static void test_rule_49(void)
{
    CONFIG("@D", SOME, "49E");
    CONFIG("\"sha256:@D\"", "", "49E");
    CONFIG("\"sha256:@D\"", "\"sha256:@D\",\"sha256:@D\"", "49E");
    CONFIG("\"sha256:@D\"", "\"@D\"", "49E 49E"); /* none, and no digest */
    CONFIG("\"sha256:@D\"", "7", "49E 49E");
    CONFIG(",\"diff_ids\":[\"sha256:@D\"]", "", "49E 49E");
    CONFIG("[\"sha256:@D\"]", "null", "49E 49E");
    /* an algorithm that was not computed over this layer */
    CONFIG("sha256:@D", "sha512:" SOME SOME, "49ic");
    CONFIG("sha256:@D", "blake3:" SOME, "49ic");
}

/* In order: first to last. */
static void test_two_layers(void)
{
    plan p = good();
    const char *two = L_DESC "," DESC(T_LAYER, "@X", "@x");

    p.manifest = swap(p.manifest, L_DESC, two);
    p.extra = tar_of(good_items, 1, &p.extra_len);
    p.config = swap(p.config, "\"sha256:@D\"", "\"sha256:@D\",\"sha256:@X\"");
    FINDS(&p, "");
    p.config = swap(p.config, "\"sha256:@D\",\"sha256:@X\"",
                    "\"sha256:@X\",\"sha256:@D\"");
    FINDS(&p, "49E 49E");
    p.config = swap(p.config, "\"sha256:@X\",", "");
    FINDS(&p, "49E");
}

/* One blob may be several layers. */
static void test_a_layer_twice(void)
{
    plan p = good();

    p.manifest = swap(p.manifest, L_DESC, L_DESC "," L_DESC);
    FINDS(&p, "49E"); /* the second has no diffID */
    p.config = swap(p.config, "\"sha256:@D\"", "\"sha256:@D\",\"sha256:@D\"");
    FINDS(&p, "");
    p.config = swap(p.config, "\"sha256:@D\",\"sha256:@D\"",
                    "\"sha256:@D\",\"sha256:" SOME "\"");
    FINDS(&p, "49E");
}

static void bad_time(const char *time, const char *want)
{
    CONFIG("\"os\"", text_of("\"created\":\"%s\",\"os\"", time), want);
    CONFIG("\"os\"",
           text_of("\"history\":[{\"created\":\"%s\"}],\"os\"", time), want);
}

static void test_rule_50(void)
{
    bad_time("2024-02-29T12:00:00Z", "");
    bad_time("2024-02-29t12:00:60z", "");
    bad_time("2024-02-29T12:00:00.123456789012+01:30", "");
    bad_time("2024-02-29T12:00:00-00:00", "");
    bad_time("", "50E");
    bad_time("yesterday", "50E");
    bad_time("2024-02-29", "50E");
    bad_time("2024-02-29T12:00:00", "50E");
    bad_time("2024-02-29 12:00:00Z", "50E");
    bad_time("2024-02-29T12:00:00.Z", "50E");
    bad_time("2024-02-29T12:00:00.5", "50E");
    bad_time("2024-02-29T12:00:00+0100", "50E");
    bad_time("2024-02-29T12:00:00ZZ", "50E");
    bad_time("2024-42-29T12:00:00Z", "50E");
    bad_time("2024-02-49T12:00:00Z", "50E");
    bad_time("2024-02-29T32:00:00Z", "50E");
    bad_time("2024-02-29T12:60:00Z", "50E");
    bad_time("2024-02-29T12:00:70Z", "50E");
    bad_time("-024-02-29T12:00:00Z", "50E");
    CONFIG("\"os\"", "\"created\":1700000000,\"os\"", "50E");
}

static void test_rule_51(void)
{
    CONFIG("\"os\"", "\"history\":[],\"os\"", "51w");
    CONFIG("\"os\"", "\"history\":[{}],\"os\"", "");
    CONFIG("\"os\"", "\"history\":[{},{}],\"os\"", "51w");
    CONFIG("\"os\"", "\"history\":[{},{\"empty_layer\":true}],\"os\"", "");
    CONFIG("\"os\"", "\"history\":[{\"empty_layer\":true}],\"os\"", "51w");
    CONFIG("\"os\"", "\"history\":[{\"empty_layer\":false}],\"os\"", "");
    CONFIG("\"os\"", "\"history\":[7,{}],\"os\"", "51E");
    CONFIG("\"os\"", "\"history\":{},\"os\"", "51E");
    CONFIG("\"os\"", "\"history\":[{\"empty_layer\":1}],\"os\"", "51E");
}

static void run_config(const char *fields, const char *want)
{
    CONFIG("\"os\"", text_of("\"config\":{%s},\"os\"", fields), want);
}

static void test_rule_52(void)
{
    run_config("", "");
    run_config("\"Env\":[\"A=\",\"B=c=d\"]", "");
    run_config("\"Env\":[\"A\"]", "52w");
    run_config("\"Env\":[\"A=b\",\"=b\"]", "52w");
    run_config("\"Env\":[\"\"]", "52w");
    run_config("\"ExposedPorts\":{\"80\":{},\"53/udp\":{},\"1/tcp\":{}}", "");
    run_config("\"ExposedPorts\":{\"0\":{}}", "52w");
    run_config("\"ExposedPorts\":{\"65536\":{}}", "52w");
    run_config("\"ExposedPorts\":{\"80/\":{}}", "52w");
    run_config("\"ExposedPorts\":{\"80/icmp\":{}}", "52w");
    run_config("\"ExposedPorts\":{\"http\":{}}", "52w");
    run_config("\"ExposedPorts\":{\"\":{}}", "52w");
    run_config(text_of("\"ExposedPorts\":{\"%s\":{}}", many('1', 40)), "52w");
    run_config("\"Volumes\":{\"/a\":{}}", "");
    run_config("\"Volumes\":{\"/a\":7}", "52E");
    run_config("\"Volumes\":[]", "52E");
    run_config("\"Env\":{}", "52E");
    run_config("\"Env\":[7]", "52E");
}

/* null is as good as nothing, and what is not known is no fault. */
static void test_rule_53(void)
{
    run_config("\"Env\":null,\"ExposedPorts\":null,\"Volumes\":null,"
               "\"Labels\":null,\"Cmd\":null",
               "");
    CONFIG("\"os\"",
           "\"created\":null,\"history\":null,\"variant\":null,"
           "\"config\":null,\"author\":null,\"os\"",
           "");
    CONFIG("\"os\"", "\"history\":[{\"created\":null}],\"os\"", "");
    CONFIG("\"os\"", "\"x\":{\"os\":7,\"rootfs\":[]},\"os\"", "");
    MANIFEST("\"config\"", "\"x\":{\"layers\":null},\"config\"", "");
}

static void test_rule_54(void)
{
    plan p = good();

    CONFIG("amd64", "arm64", "54w");
    CONFIG("linux", "windows", "54w");
    p.config = swap(p.config, "amd64", "arm");
    p.index = swap(p.index, "\"amd64\"", "\"arm\"");
    FINDS(&p, "");
}

static void test_rule_55(void)
{
    static const item twice[] = {{'0', "a", "1"}, {'0', "a", "2"}};
    static const item spelt[] = {{'0', "a/b", "1"}, {'0', "./a//b", "2"}};
    static const item dirs[] = {{'5', "a/", NULL}, {'5', "a", NULL}};
    static const item apart[] = {{'0', "a", "1"},
                                 {'0', "A", "1"},
                                 {'2', "b", "a"},
                                 {'3', "c", NULL},
                                 {'6', "d", NULL}};
    plan p = good();

    ITEMS(twice, "55E");
    ITEMS(spelt, "55E");
    ITEMS(dirs, "55E");
    ITEMS(apart, "");
    p.layer = "no tar at all";
    p.layer_len = 13;
    FINDS(&p, "55E");
    p = good();
    p.layer_len -= 512; /* half an end mark, which everybody lets pass */
    FINDS(&p, "55w");
    p.layer_len = 700; /* cut in its first file */
    FINDS(&p, "55E");
    p.layer = "";
    p.layer_len = 0;
    FINDS(&p, "55E");
    p.layer = "{}";
    p.layer_len = 2;
    FINDS(&p, "55E");
}

static void test_no_room_for_paths(void)
{
    static item items[PATHS + 1];
    size_t i;

    for (i = 0; i <= PATHS; i++) {
        items[i].type = '5';
        items[i].name = text_of("d%lu/", (unsigned long)i);
    }
    ITEMS(items, "55ic");
    items[PATHS].type = '2';
    items[PATHS].name = text_of("%s", many('l', 2000)); /* long, too */
    items[PATHS].body = "x";
    ITEMS(items, "55ic");
    setup.path_count = PATHS - 1;
    layer_at(__LINE__, items, PATHS, "55ic");
    setup.path_count = PATHS;
    layer_at(__LINE__, items, PATHS, "");
    defaults();
}

/* The checksum of a header that was changed. */
static void seal(unsigned char *block)
{
    unsigned long sum = 0;
    size_t i;

    memset(block + 148, ' ', 8);
    for (i = 0; i < 512; i++)
        sum += block[i];
    sprintf((char *)block + 148, "%06lo", sum);
}

/* GNU's sparse file, whose body is no file's bytes. */
static void sparse_head(unsigned char *block)
{
    memcpy(block + 257, "ustar  ", 8);
    block[156] = 'S';
    memset(block + 345, 0, 512 - 345);
    memcpy(block + 483, "00000000006", 11);
    seal(block);
}

static void test_sparse_layer(void)
{
    plan p = good();
    char *layer = hold(p.layer_len);

    memcpy(layer, p.layer, p.layer_len);
    sparse_head((unsigned char *)layer + 512);
    p.layer = layer;
    FINDS(&p, "55w");
}

static void test_rule_56(void)
{
    static const item none[] = {{'0', "a", "1"}, {'1', "b", "c"}};
    static const item later[] = {{'1', "b", "a"}, {'0', "a", "1"}};
    static const item itself[] = {{'1', "b", "b"}};
    static const item fine[] = {{'0', "a", "1"}, {'1', "b", "./a"}};
    static const item away[] = {{'0', "a", "1"}, {'1', "b", "/a"}};
    static const item up[] = {{'0', "a", "1"}, {'1', "b", "../a"}};
    static const item symbolic[] = {{'2', "b", "../../c"}};

    ITEMS(none, "56E");
    ITEMS(later, "56E");
    ITEMS(itself, "56E");
    ITEMS(fine, "");
    ITEMS(away, "61E");
    ITEMS(up, "61E");
    ITEMS(symbolic, "");
}

static void one_item(char type, const char *name, const char *body,
                     const char *want)
{
    item i;

    i.type = type;
    i.name = name;
    i.body = body;
    layer_at(__LINE__, &i, 1, want);
}

static void test_rule_57(void)
{
    one_item('0', ".wh.a", NULL, "");
    one_item('0', "a/.wh..wh..opq", NULL, "");
    one_item('0', "a/.wh.a", "1", "57E");
    one_item('2', "a/.wh.a", "b", "57E");
    one_item('5', "a/.wh.a/", NULL, "57E");
    one_item('3', ".wh.a", NULL, "57E");
    one_item('0', ".wh.", NULL, "57E");
    one_item('0', "a/.wh.", NULL, "57E");
    one_item('0', ".wh..wh.x", NULL, "57E");
    one_item('0', "a/.wh..wh..opq", "1", "57E");
    one_item('5', ".wh..wh..opq", NULL, "57E");
    one_item('0', "a.wh.b", "1", "");
    one_item('0', ".wh.a/b", "1", "57E"); /* no directory is called so */
    one_item('0', "c/.wh.a/.wh.b", NULL, "57E");
}

static void test_rule_58(void)
{
    static const item late[] = {{'0', "d/a", "1"}, {'0', "d/.wh.a", NULL}};
    static const item early[] = {{'0', "d/.wh.a", NULL}, {'0', "d/a", "1"}};
    static const item apart[] = {{'0', "e/a", "1"}, {'0', "d/.wh.a", NULL}};
    static const item opaque[] = {{'0', "d/.wh..wh..opq", NULL},
                                  {'0', "d/a", "1"}};

    ITEMS(late, "58w");
    ITEMS(early, "");
    ITEMS(apart, "");
    ITEMS(opaque, "");
}

/* What is told of a compressed layer where there is no codec for it. */
#define SEALED "49ic 55ic"

#define GZIP TYPE "layer.v1.tar+gzip"
#define ZSTD TYPE "layer.v1.tar+zstd"

/* What begins with a magic number, and what its media type says. */
static void magic(const char *type, const char *layer, size_t len,
                  const char *want)
{
    plan p = good();

    p.layer = layer;
    p.layer_len = len;
    p.manifest = swap(p.manifest, TYPE "layer.v1.tar", type);
    FINDS(&p, want);
}

static void test_rule_59(void)
{
    plan p = good();

    magic(GZIP, "\x1f\x8b\x08 ...", 8, SEALED);
    magic(GZIP, "\x28\xb5\x2f\xfd ..", 8, "59E");
    magic(GZIP, p.layer, p.layer_len, "59E");
    magic(GZIP, "\x1f", 1, "59E");
    magic(GZIP, "", 0, "59E");
    magic(GZIP, "{}", 2, "59E");
    magic(ZSTD, "\x28\xb5\x2f\xfd ..", 8, SEALED);
    magic(ZSTD, "\x28\xb5\x2f", 3, "59E");
    magic(ZSTD, "\x1f\x8b\x08 ...", 8, "59E");
    magic(TYPE "layer.v1.tar", "\x1f\x8b\x08 ...", 8, "59E");
    magic(TYPE "layer.v1.tar", "\x28\xb5\x2f\xfd ..", 8, "59E");
    /* the same by docker's names */
    magic("application/vnd.docker.image.rootfs.diff.tar.gzip",
          "\x1f\x8b\x08 ...", 8, SEALED);
    magic("application/vnd.docker.image.rootfs.diff.tar.gzip", "x", 1, "59E");
    /* others are none of its business */
    magic("text/plain", "\x28\xb5\x2f\xfd ..", 8, "38w");
}

/* Layers that must not be given on: not to be produced, may be missing. */
static void test_foreign(void)
{
    plan p = good();
    named blobs[BLOBS];

    MANIFEST(TYPE "layer.v1", TYPE "layer.nondistributable.v1", "59w");
    magic(TYPE "layer.nondistributable.v1.tar+gzip", "\x1f\x8b\x08", 3,
          SEALED " 59w");
    magic(TYPE "layer.nondistributable.v1.tar+gzip", "x", 1, "59E 59w");
    name_blobs(&p, blobs);
    p.manifest = fill(
        swap(p.manifest, TYPE "layer.v1", TYPE "layer.nondistributable.v1"),
        blobs);
    p.config = fill(p.config, blobs);
    p.layer = NULL;
    FINDS(&p, "07im 59w");
}

static void ref_name(const char *name, const char *want)
{
    INDEX(PLATFORM,
          text_of(PLATFORM ",\"annotations\":{\"" REF "\":\"%s\"}", name),
          want);
}

static void test_rule_60(void)
{
    ref_name("v1", "");
    ref_name("localhost:5000/a/b--c_d.e+f@g", "");
    ref_name("", "60w");
    ref_name("a b", "60w");
    ref_name("a..b", "60w");
    ref_name("a---b", "60w");
    ref_name("-a", "60w");
    ref_name("a-", "60w");
    ref_name("a//b", "60w");
    ref_name("\xc3\xa4", "60w");
    INDEX(PLATFORM, PLATFORM "," NOTE("x", "\"\""), "");
    INDEX(PLATFORM, PLATFORM ",\"annotations\":{}", "");
    INDEX(PLATFORM, PLATFORM ",\"annotations\":null", "60E");
    INDEX(PLATFORM, PLATFORM ",\"annotations\":[]", "60E");
    INDEX(PLATFORM, PLATFORM "," NOTE("x", "1"), "60E");
    INDEX(PLATFORM, PLATFORM "," NOTE(REF, "{}"), "60E");
    INDEX(PLATFORM, PLATFORM "," NOTE("io.containerd.image.name", "1"), "60E");
    MANIFEST("\"config\"", NOTE("x", "{}") ",\"config\"", "60E");
    MANIFEST("\"config\"", NOTE("x", "\"y\"") ",\"config\"", "");
    run_config("\"Labels\":{\"a\":\"\"}", "");
    run_config("\"Labels\":{\"a\":null}", "60E");
    run_config("\"Labels\":[\"a\"]", "60E");
    INDEX("\"manifests\"", NOTE("x", "true") ",\"manifests\"", "60E");
    INDEX("\"manifests\"", NOTE("x", "\"y\"") ",\"manifests\"", "");
}

static void more_entries(const item *items, size_t count, const char *want,
                         const char *text)
{
    plan p = good();
    size_t i, n = 0;

    p.more = items;
    p.more_count = count;
    FINDS(&p, want);
    for (i = 0; i < finding_count; i++)
        n += strcmp(findings[i].text, text) == 0;
    CHECK(n > 0);
}

static void one_entry(char type, const char *name, const char *body,
                      const char *want, const char *text)
{
    item i;

    i.type = type;
    i.name = name;
    i.body = body;
    more_entries(&i, 1, want, text);
}

static void test_rule_61_names(void)
{
    static const char text[] = "a name that leaves the root";

    one_entry('0', "/a", "x", "61E", text);
    one_entry('0', "/index.json", "x", "61E", text);
    one_entry('0', "..", "x", "61E", text);
    one_entry('0', "a/../b", "x", "61E", text);
    one_entry('0', "blobs/../index.json", "x", "61E", text);
    one_entry('5', "a/..", NULL, "61E", text);
    one_entry('0', "", "x", "61E", text);
    one_entry('0', "a..b/...", "x", "08i",
              "a file is one that the layout knows");
}

static void test_rule_61_types(void)
{
    static const char text[] = "a link, a device or a sparse file";
    static const char types[] = "12346";
    size_t i;

    for (i = 0; i < sizeof types - 1; i++) {
        const char *body = types[i] < '3' ? "x" : NULL;

        one_entry(types[i], "blobs/sha256/" SOME, body, "61E", text);
        one_entry(types[i], "./blobs/sha256/" SOME, body, "61E", text);
        one_entry(types[i], "blobs", body, "61E", text);
        one_entry(types[i], "index.json", body, "61E", text);
        one_entry(types[i], "oci-layout", body, "61E", text);
        one_entry(types[i], "manifest.json", body, "61E", text);
    }
    one_entry('5', "index.json", NULL, "61E", "a directory for a file");
    one_entry('5', "oci-layout", NULL, "61E", "a directory for a file");
    one_entry('5', "manifest.json", NULL, "61E", "a directory for a file");
    one_entry('7', "blobs/sha256/" SOME, "abc", "06iu",
              "something refers to a blob");
}

static void test_rule_61_twice(void)
{
    static const char text[] = "an entry twice";
    static const item docker[] = {{'0', "manifest.json", "[]"},
                                  {'0', "manifest.json", "[]"}};
    static const item other[] = {{'0', "blobs/sha256/" SOME, "abc"},
                                 {'0', "./blobs/sha256/" SOME, "abc"}};

    one_entry('0', "index.json", "{}", "61E", text);
    one_entry('0', "./index.json", "{}", "61E", text);
    one_entry('0', "oci-layout", "{}", "61E", text);
    one_entry('0', "././oci-layout", NULL, "61E", text);
    one_entry('0', "blobs/sha256/@L", "other bytes", "61E", text);
    one_entry('0', "blobs/sha256/@M", NULL, "61E", text);
    more_entries(docker, 2, "61E", text);
    more_entries(other, 2, "06iu 61E", text);
}

/* An entry of GNU's sparse kind in the place of the manifest. */
static void test_rule_61_sparse(void)
{
    plan p = good();
    int verdict;
    size_t at;
    tar t;

    build(&t, &p, 0);
    for (at = 0; memcmp(t.out.data + at, "oci-layout", 11) != 0; at += 512)
        ;
    sparse_head(t.out.data + at);
    verdict = check_bytes(t.out.data, t.out.len, 512);
    same(__LINE__, "sparse oci-layout", "02Em 61E", verdict);
    memcpy(t.out.data + at, "README\0\0\0", 10);
    sparse_head(t.out.data + at);
    verdict = check_bytes(t.out.data, t.out.len, 512);
    same(__LINE__, "sparse README", "02Em 61E", verdict);
    free(t.out.data);
}

/* The same by a pax record, behind which the type is that of a file. */
static void test_sparse_by_pax(void)
{
    static const ocitar_pair record = {"XNU.sparse.major", "1", 0, 0};
    ocitar_entry e = OCITAR_ZERO;
    plan p = good();
    int verdict;
    tar t;

    tar_begin(&t);
    e.name = "oci-layout";
    e.typeflag = '0';
    e.pax = &record;
    e.pax_count = 1;
    tar_entry(&t, &e, NULL);
    tar_end(&t);
    *strchr((char *)t.out.data + 512, 'X') = 'G'; /* else left out */
    verdict = check_bytes(t.out.data, t.out.len, 512);
    same(__LINE__, "sparse oci-layout", "01wm 02Em 03Em 61E", verdict);
    p.layer = (const char *)t.out.data;
    p.layer_len = t.out.len;
    FINDS(&p, "55w");
    free(t.out.data);
}

static void test_rule_61_tar(void)
{
    plan p = good();
    int verdict;
    tar t;

    build(&t, &p, 0);
    t.out.data[148] ^= 1;
    verdict = check_bytes(t.out.data, t.out.len, t.out.len);
    same(__LINE__, "checksum", "61E", verdict);
    CHECK(strcmp(findings[0].text, "header checksum") == 0);
    CHECK_CODE(ocitar_checker_push(&checker, "", 1), OCITAR_E_FORMAT);
    t.out.data[148] ^= 1;
    verdict = check_bytes(t.out.data, t.out.len - 512, t.out.len);
    same(__LINE__, "one zero block", "61E", verdict);
    CHECK(strcmp(findings[0].text, "it ends before its end mark") == 0);
    verdict = check_bytes("", 0, 1);
    same(__LINE__, "nothing", "61E", verdict);
    t.out.data[t.out.len - 1] = 1;
    verdict = check_bytes(t.out.data, t.out.len, t.out.len);
    same(__LINE__, "a lone zero block", "61E", verdict);
    free(t.out.data);
}

/* An entry's size, negative and greater than all there is. */
static void test_rule_61_sizes(void)
{
    static const char *const fields[] = {
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff",
        "\x80\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff", "77777777777",
        "-0000000001"};
    static const char *const texts[] = {
        "a negative size", "it ends before its end mark",
        "a number of the header", "it ends before its end mark",
        "a number of the header"};
    plan p = good();
    size_t i;
    int verdict;
    tar t;

    for (i = 0; i < 5; i++) {
        build(&t, &p, 0);
        memcpy(t.out.data + 124, fields[i], 12);
        seal(t.out.data);
        verdict = check_bytes(t.out.data, t.out.len, 1000);
        CHECK_CODE(verdict, OCITAR_E_INVALID);
        CHECK(strcmp(findings[finding_count - 1].text, texts[i]) == 0);
        CHECK(findings[finding_count - 1].rule == 61);
        free(t.out.data);
    }
}

/* Only the end mark: a tar, but no layout. */
static void test_empty_tar(void)
{
    static const char zeros[1024];
    int verdict = check_bytes(zeros, sizeof zeros, 1000);

    same(__LINE__, "empty", "01wm 02Em 03Em", verdict);
}

/* A name of 64 KiB needs a buffer of that size. */
static void test_long_name(void)
{
    static char large[70000];
    plan p = good();
    item i;

    i.type = '0';
    i.name = many('n', 65536);
    i.body = "x";
    p.more = &i;
    p.more_count = 1;
    FINDS(&p, "61E");
    CHECK(strcmp(findings[0].text, "a long name or pax record") == 0);
    CHECK(checker.reader.decoder.need > 65536);
    setup.buffer = large;
    setup.buffer_size = sizeof large;
    FINDS(&p, "08i");
    i.name = text_of("blobs/sha256/%s", i.name);
    FINDS(&p, "05E");
    defaults();
}

static void test_limits(void)
{
    plan p = good();
    int verdict;
    tar t;

    build(&t, &p, 0);
    setup.max_entries = 5;
    verdict = check_bytes(t.out.data, t.out.len, 333);
    same(__LINE__, "max_entries", "", verdict);
    setup.max_entries = 4;
    verdict = check_bytes(t.out.data, t.out.len, 333);
    same(__LINE__, "max_entries", "61E", verdict);
    setup.max_entries = 0;
    setup.max_bytes = t.out.len;
    verdict = check_bytes(t.out.data, t.out.len, 333);
    same(__LINE__, "max_bytes", "", verdict);
    setup.max_bytes--;
    verdict = check_bytes(t.out.data, t.out.len, 333);
    same(__LINE__, "max_bytes", "61E", verdict);
    CHECK(strcmp(findings[0].text, "more entries or bytes than allowed") == 0);
    free(t.out.data);
    defaults();
}

/* ---- nesting ----------------------------------------------------------- */

/* Indexes, each in the next, around the good image: `depth` of them are
   blobs, and index.json is the outermost. */
static void build_chain(tar *t, int depth)
{
    plan p = good();
    named blobs[BLOBS], index;
    const char *inner;
    int i;

    name_blobs(&p, blobs);
    tar_begin(t);
    for (i = 0; i < TAR; i++)
        add_blob(t, &p, blobs, i);
    inner = fill(p.index, blobs);
    for (i = 0; i < depth; i++) {
        name_it(&index, inner, strlen(inner));
        tar_add(t, '0', text_of("blobs/sha256/%s", index.hex), inner,
                index.len);
        inner = text_of("{\"schemaVersion\":2,\"mediaType\":" T_INDEX
                        ",\"manifests\":[{\"mediaType\":" T_INDEX
                        ",\"digest\":\"sha256:%s\",\"size\":%lu}]}",
                        index.hex, (unsigned long)index.len);
    }
    add_text(t, "oci-layout", p.layout);
    add_text(t, "index.json", inner);
    tar_end(t);
}

static void chain_at(int line, int depth, const char *want)
{
    size_t room = (size_t)depth + SLOTS;
    int verdict;
    tar t;

    build_chain(&t, depth);
    setup.slots = (ocitar_slot *)calloc(room, sizeof slots[0]);
    setup.slot_count = (uint32_t)room;
    verdict = check_bytes(t.out.data, t.out.len, 5000);
    if (depth < 20)
        same(line, "chain", want, verdict);
    else /* what is too deep to be reached is not referred to */
        CHECK(verdict == OCITAR_E_INVALID && checker.errors == 1 &&
              strncmp(summary(), want, strlen(want)) == 0);
    free(setup.slots);
    free(t.out.data);
    defaults();
}

static void test_rule_44(void)
{
    size_t i, n = 0;

    chain_at(__LINE__, 1, "");
    chain_at(__LINE__, 13, "");
    chain_at(__LINE__, 10000, "06iu");
    for (i = 0; i < finding_count; i++)
        n += findings[i].rule == 6;
    CHECK(n > 0);
    /* levels are not counted: one pass may go down several */
    chain_at(__LINE__, 14, "44E");
    chain_at(__LINE__, 17, "06iu 06iu 06iu 06iu 44E");
}

/* Two manifests, each the other's subject. No digests can be so: both are
   under wrong names. Whoever followed them would never end. */
static void test_circle(void)
{
    static const char text[] =
        "{\"schemaVersion\":2,\"mediaType\":" T_INDEX ",\"manifests\":["
        "{\"mediaType\":" T_INDEX ",\"digest\":\"sha256:%s\",\"size\":%u}]}";
    char *a = hold(64), *b = hold(64);
    const char *first;
    unsigned size;
    item more[2];
    plan p = good();

    memcpy(a, SOME, 65);
    memcpy(b, SOME, 65);
    b[0] = '0';
    size = (unsigned)(sizeof text - 5 + 64 + 3 - 1); /* as long as either */
    first = text_of(text, b, size);
    size = (unsigned)strlen(first);
    more[0].type = more[1].type = '0';
    more[0].name = text_of("blobs/sha256/%s", a);
    more[1].name = text_of("blobs/sha256/%s", b);
    more[0].body = text_of(text, b, size);
    more[1].body = text_of(text, a, size);
    p.index = swap(p.index, "]}",
                   text_of(",{\"mediaType\":" T_INDEX ",\"digest\":"
                           "\"sha256:%s\",\"size\":%u}]}",
                           a, size));
    p.more = more;
    p.more_count = 2;
    FINDS(&p, "04E 04E");
    more[0].body = text_of(text, a, size); /* its own */
    more[1].name = "README";
    FINDS(&p, "04E 08i");
}

/* ---- what the library writes ------------------------------------------- */

typedef struct writer {
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_index index;
    ocitar_image image;
    ocitar_layer layer;
    ocitar_spool spool;
    ocitar_descriptor pool[16];
    ocitar_rehearsed table[16];
    ocitar_rehearsal rehearsal;
    unsigned char buffer[512], waiting[8192];
} writer;

static void writer_begin(writer *w, check_sink *out, int rehearsed)
{
    ocitar_archive_desc a = OCITAR_ZERO;
    ocitar_layout_desc l = OCITAR_ZERO;
    ocitar_index_desc d = OCITAR_ZERO;

    a.buffer = w->buffer;
    a.buffer_size = sizeof w->buffer;
    a.sink.put_fn = out == NULL ? NULL : check_put;
    a.sink.user = out;
    l.rehearsal = rehearsed ? &w->rehearsal : NULL;
    d.descriptors = w->pool;
    d.capacity = 16;
    d.metadata_first = (uint8_t)rehearsed;
    CHECK_CODE(ocitar_archive_begin(&w->archive, &a), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&w->layout, &w->archive, &l), OCITAR_OK);
    CHECK_CODE(ocitar_index_begin(&w->index, &w->layout, &d), OCITAR_OK);
    CHECK_CODE(
        ocitar_spool_begin_buffer(&w->spool, w->waiting, sizeof w->waiting),
        OCITAR_OK);
}

static void writer_end(writer *w)
{
    CHECK_CODE(ocitar_index_end(&w->index), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&w->archive), OCITAR_OK);
}

static void writer_image(writer *w, const char *reference, const char *arch,
                         uint8_t algorithm, int docker)
{
    static const char *const env[] = {"PATH=/bin", "A="};
    static const char *const ports[] = {"80", "53/udp"};
    static const ocitar_pair labels[] = {{"a", "b", 0, 0}};
    static const ocitar_history history[] = {
        {"made", NULL, NULL, {1, 5, 1}, 0},
        {"nothing", NULL, NULL, {1, 0, 1}, 1}};
    ocitar_image_desc d = OCITAR_ZERO;
    ocitar_layer_desc l = OCITAR_ZERO;

    d.reference = reference;
    d.platform.architecture = arch;
    d.env = env, d.env_count = 2;
    d.ports = ports, d.port_count = 2;
    d.labels = labels, d.label_count = 1;
    d.history = history, d.history_count = 2;
    d.created.set = 1;
    d.algorithm = l.algorithm = algorithm;
    d.docker_types = (uint8_t)docker;
    l.wait.spool = &w->spool;
    CHECK_CODE(ocitar_image_begin(&w->image, &w->index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_layer_begin(&w->layer, &w->image, &l), OCITAR_OK);
    ocitar_layer_dir(&w->layer, "bin/", 0755);
    ocitar_layer_whiteout(&w->layer, "bin/gone");
    ocitar_layer_file(&w->layer, "bin/sh", 0755, arch, strlen(arch));
    ocitar_layer_link(&w->layer, "bin/bash", "bin/sh");
    ocitar_layer_symlink(&w->layer, "sh", "bin/sh");
    ocitar_layer_opaque(&w->layer, "lib");
    CHECK_CODE(ocitar_layer_end(&w->layer), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&w->image), OCITAR_OK);
}

/* In pieces of every length up to 600. */
static void accept(check_sink *out, const char *want, const char *plain)
{
    size_t piece;
    int verdict;

    for (piece = 1; piece <= 600; piece++) {
        verdict = check_bytes(out->data, out->len, piece);
        if (strcmp(summary(), want) != 0 || !consistent(verdict))
            break;
    }
    CHECK(piece == 601);
    if (piece != 601)
        same(__LINE__, "what the library writes", want, verdict);
    setup.layer = NULL;
    verdict = check_bytes(out->data, out->len, out->len);
    same(__LINE__, "without layers", plain, verdict);
    defaults();
    setup.seen = NULL;
    verdict = check_bytes(out->data, out->len, out->len);
    CHECK(strstr(summary(), "26ic") != NULL);
    CHECK_CODE(verdict, OCITAR_OK);
    CHECK(checker.warnings == 0);
    defaults();
    free(out->data);
    memset(out, 0, sizeof *out);
}

/* One bit of a blob changed, where the text stands first. */
static void spoil(check_sink *out, const char *text)
{
    size_t at = 0;
    int verdict;

    while (memcmp(out->data + at, text, strlen(text)) != 0)
        at++;
    out->data[at] ^= 1;
    verdict = check_bytes(out->data, out->len, 1000);
    same(__LINE__, "spoilt", "04E", verdict);
    out->data[at] ^= 1;
    accept(out, "", "55ic");
}

static writer w;

static void test_library_images(void)
{
    check_sink out = {NULL, 0, 0, 0, 0, 0};

    writer_begin(&w, &out, 0);
    writer_image(&w, "localhost/a:1", "amd64", 0, 0);
    writer_end(&w);
    accept(&out, "", "55ic");
    writer_begin(&w, &out, 0);
    writer_image(&w, "localhost/a:1", "amd64", 0, 0);
    writer_image(&w, "localhost/a:2", "arm64", 0, 0);
    writer_image(&w, NULL, "riscv64", 0, 1);
    writer_end(&w);
    accept(&out, "", "55ic");
    writer_begin(&w, &out, 0);
    writer_image(&w, "localhost/a:1", "amd64", OCITAR_SHA512, 0);
    writer_end(&w);
    spoil(&out, "amd64");
    writer_begin(&w, &out, 0); /* an index of nothing */
    writer_end(&w);
    accept(&out, "", "");
}

static void test_library_nested(void)
{
    check_sink out = {NULL, 0, 0, 0, 0, 0};

    writer_begin(&w, &out, 0);
    CHECK_CODE(ocitar_index_nest(&w.index, NULL), OCITAR_OK);
    writer_image(&w, NULL, "amd64", 0, 0);
    writer_image(&w, NULL, "arm64", 0, 0);
    CHECK_CODE(ocitar_index_unnest(&w.index), OCITAR_OK);
    writer_end(&w);
    accept(&out, "", "55ic");
}

static void test_library_artifact(void)
{
    static const char text[] = "all of it";
    check_sink out = {NULL, 0, 0, 0, 0, 0};
    ocitar_image_desc d = OCITAR_ZERO;
    ocitar_descriptor layer = OCITAR_ZERO, subject;
    ocitar_image other;

    writer_begin(&w, &out, 0);
    d.artifact_type = "application/x.thing";
    layer.media_type = "text/plain";
    layer.size = sizeof text;
    layer.data = text;
    CHECK_CODE(ocitar_blob_put(&w.layout, 0, text, sizeof text, &layer.digest),
               OCITAR_OK);
    CHECK_CODE(ocitar_image_begin(&w.image, &w.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_layer(&w.image, &layer), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&w.image), OCITAR_OK);
    subject = *ocitar_image_descriptor(&w.image);
    d.subject = &subject;
    CHECK_CODE(ocitar_image_begin(&other, &w.index, &d), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&other), OCITAR_OK);
    writer_end(&w);
    accept(&out, "", "");
}

static void test_library_metadata_first(void)
{
    check_sink out = {NULL, 0, 0, 0, 0, 0};
    int run;

    memset(&w.rehearsal, 0, sizeof w.rehearsal);
    w.rehearsal.table = w.table;
    w.rehearsal.capacity = 16;
    for (run = 0; run < 2; run++) {
        writer_begin(&w, run == 0 ? NULL : &out, 1);
        writer_image(&w, "localhost/a:1", "amd64", 0, 0);
        writer_image(&w, "localhost/a:2", "arm64", 0, 0);
        writer_end(&w);
        if (run == 0)
            ocitar_rehearsal_play(&w.rehearsal);
    }
    CHECK(memcmp(out.data, "blobs/", 7) == 0);
    accept(&out, "", "55ic");
}

/* ---- compressed layers ------------------------------------------------- */

/* A codec that strips the 4 bytes of the magic. */
typedef struct strip {
    ocitar_codec codec;
    int begins, ends, given_up, live;
    int fail; /* 1: at begin, 2: at write, 3: at end; 4: endless */
    size_t skip;
    unsigned char magic[4];
} strip;

static int strip_begin(void *user)
{
    strip *s = (strip *)user;

    s->skip = 4;
    if (s->fail == 1)
        return 7;
    s->live++;
    s->begins++;
    return 0;
}

static int strip_write(void *user, const void *data, size_t len,
                       int (*put_fn)(void *, const void *, size_t),
                       void *put_user)
{
    static const char zeros[512];
    strip *s = (strip *)user;
    size_t n = len < s->skip ? len : s->skip;
    int e = 0;

    s->skip -= n;
    if (s->live != 1)
        return 99;
    if (s->fail == 2)
        return 7;
    while (s->fail == 4 && e == 0)
        e = put_fn(put_user, zeros, sizeof zeros);
    if (e == 0 && len > n)
        e = put_fn(put_user, (const char *)data + n, len - n);
    return e;
}

static int strip_end(void *user, int (*put_fn)(void *, const void *, size_t),
                     void *put_user)
{
    strip *s = (strip *)user;

    (void)put_user;
    s->live--;
    s->ends++;
    s->given_up += put_fn == NULL;
    return put_fn != NULL && s->fail == 3 ? 7 : 0;
}

static strip stripper;

static const ocitar_codec *strip_for(void *user, const uint8_t bytes[4])
{
    (void)user;
    memcpy(stripper.magic, bytes, 4);
    return bytes[2] == 'n' ? NULL : &stripper.codec;
}

static void strip_defaults(void)
{
    memset(&stripper, 0, sizeof stripper);
    stripper.codec.media_type = GZIP;
    stripper.codec.begin_fn = strip_begin;
    stripper.codec.write_fn = strip_write;
    stripper.codec.end_fn = strip_end;
    stripper.codec.user = &stripper;
    setup.codec_fn = strip_for;
}

/* The good image, its layer "compressed". */
static plan packed(const char *bytes)
{
    plan p = good();
    char *layer = hold(p.layer_len + 4);

    memcpy(layer, bytes, 4);
    memcpy(layer + 4, p.layer, p.layer_len);
    p.tar = p.layer;
    p.tar_len = p.layer_len;
    p.layer = layer;
    p.layer_len += 4;
    p.manifest =
        swap(p.manifest, TYPE "layer.v1.tar", bytes[0] == 0x1f ? GZIP : ZSTD);
    return p;
}

/* However it ends, the codec is ended as often as it was begun. */
static void packed_at(int line, const plan *p, const char *want)
{
    finds_at(line, p, want);
    CHECK(stripper.begins == stripper.ends && stripper.live == 0);
    CHECK(stripper.begins == (stripper.fail == 1 ? 0 : 4));
}

static void test_packed(void)
{
    plan p = packed("\x1f\x8b y");

    FINDS(&p, SEALED);
    strip_defaults();
    packed_at(__LINE__, &p, "");
    CHECK(memcmp(stripper.magic, "\x1f\x8b y", 4) == 0);
    CHECK(stripper.given_up == 0);
    strip_defaults();
    p.config = swap(p.config, "@D", "@L"); /* not of the compressed bytes */
    packed_at(__LINE__, &p, "49E");
    strip_defaults();
    p = packed("\x28\xb5\x2f\xfd");
    packed_at(__LINE__, &p, "");
    CHECK(memcmp(stripper.magic, "\x28\xb5\x2f\xfd", 4) == 0);
    p = packed("\x1f\x8bn ");
    FINDS(&p, SEALED); /* no codec for these */
    defaults();
}

static void test_packed_layers_are_looked_into(void)
{
    static const item twice[] = {{'0', "a", "1"}, {'0', "a", "2"}};
    plan p = packed("\x1f\x8b y");
    char *layer;

    p.tar = tar_of(twice, 2, &p.tar_len);
    layer = hold(p.tar_len + 4);
    memcpy(layer, "\x1f\x8b y", 4);
    memcpy(layer + 4, p.tar, p.tar_len);
    p.layer = layer;
    p.layer_len = p.tar_len + 4;
    strip_defaults();
    packed_at(__LINE__, &p, "55E");
    setup.layer = NULL;
    strip_defaults();
    packed_at(__LINE__, &p, "55ic");
    p.layer_len -= 600; /* no tar in it, but not looked at as one */
    p.tar_len -= 600;
    strip_defaults();
    packed_at(__LINE__, &p, "55ic");
    defaults();
    strip_defaults();
    packed_at(__LINE__, &p, "55E");
    defaults();
}

static void test_codec_that_fails(void)
{
    plan p = packed("\x1f\x8b y");

    strip_defaults();
    stripper.fail = 1; /* it cannot begin: not checked */
    packed_at(__LINE__, &p, SEALED);
    strip_defaults();
    stripper.fail = 2;
    packed_at(__LINE__, &p, "59E");
    CHECK(stripper.given_up == 4);
    strip_defaults();
    stripper.fail = 3;
    packed_at(__LINE__, &p, "59E");
    CHECK(stripper.given_up == 0);
    strip_defaults();
    stripper.fail = 4;
    setup.max_unpacked = 100000;
    packed_at(__LINE__, &p, "61E");
    CHECK(stripper.given_up == 4);
    strip_defaults();
    setup.max_unpacked = p.tar_len;
    packed_at(__LINE__, &p, "");
    strip_defaults();
    setup.max_unpacked--;
    packed_at(__LINE__, &p, "61E");
    defaults();
}

/* A failure in what nothing refers to is none of the image's. */
static void test_codec_that_fails_elsewhere(void)
{
    plan p = good();

    p.extra = "\x1f\x8b y";
    strip_defaults();
    stripper.fail = 2;
    packed_at(__LINE__, &p, "06iu");
    defaults();
}

/* Cut within a compressed layer. */
static void test_codec_of_a_torn_archive(void)
{
    plan p = packed("\x1f\x8b y");
    int verdict;
    tar t;

    build(&t, &p, 0);
    strip_defaults();
    verdict = check_bytes(t.out.data, 1100, 100);
    same(__LINE__, "torn", "61E", verdict);
    CHECK(stripper.begins == 1 && stripper.ends == 1);
    CHECK(stripper.given_up == 1);
    free(t.out.data);
    defaults();
}

/* ---- bad input --------------------------------------------------------- */

/* As small as an image gets: one empty file in its layer, no annotations. */
static void build_small(tar *t, size_t *index_at)
{
    static const item empty[] = {{'0', "a", NULL}};
    plan p = good();

    p.layer = tar_of(empty, 1, &p.layer_len);
    build(t, &p, 1);
    *index_at = 512;
}

static void test_truncation(void)
{
    size_t len, index_at, passed = 0;
    tar t;

    build_small(&t, &index_at);
    CHECK_CODE(check_bytes(t.out.data, t.out.len, 4096), OCITAR_OK);
    for (len = 0; len < t.out.len; len += CHECK_STEP)
        passed += check_bytes(t.out.data, len, 4096) != OCITAR_E_INVALID;
    CHECK(passed == 0);
    free(t.out.data);
}

/* What a bit of the archive belongs to. */
enum { IN_HEAD, IN_BODY, IN_PADDING, IN_END };

static int place_of(const unsigned char *data, size_t at, size_t *offset)
{
    size_t start = 0, size;
    char text[12];

    while (data[start] != 0) {
        memcpy(text, data + start + 124, 12);
        size = strtoul(text, NULL, 8);
        *offset = at - start;
        if (*offset < 512)
            return IN_HEAD;
        *offset -= 512;
        if (*offset < size)
            return IN_BODY;
        start += 512 + (size + 511) / 512 * 512;
        if (at < start)
            return IN_PADDING;
    }
    *offset = at - start;
    return IN_END;
}

/* Flipped bits that leave the archive a good one, each for its reason:
   - padding behind a body: nobody reads it, and no digest covers it;
   - in the checksum's field, what POSIX lets a writer choose: its leading
     zeros may be spaces, and NUL or space may end it;
   - in index.json, the manifest's media type: one that is not known must
     not be an error (rule 9), and leaves the rest unreferenced, notes all. */
static int may_flip(const unsigned char *data, size_t at, int bit)
{
    size_t offset;
    const char *type;
    int place = place_of(data, at, &offset);

    if (place == IN_PADDING)
        return 1;
    if (place == IN_HEAD && offset >= 148 && offset < 156) {
        if (offset >= 154)
            return bit == 5;
        return bit == 4 && data[at] == '0' &&
               strspn((const char *)data + at - (offset - 148), "0") >
                   offset - 148;
    }
    type = strstr((const char *)data + 512, T_MANIFEST) + 1;
    return place == IN_BODY && at < 1024 && (const char *)data + at >= type &&
           (const char *)data + at < type + strlen(T_MANIFEST) - 2;
}

/* Every bit: strictly all is caught but the exceptions; else also what is
   only a warning is let through, such as a digest of what is not there. */
static void test_every_bit(void)
{
    size_t at, index_at, missed = 0, wrong = 0, lax = 0, worse = 0;
    int bit, code;
    tar t;

    build_small(&t, &index_at);
    setup.strict = 1;
    CHECK_CODE(check_bytes(t.out.data, t.out.len, 4096), OCITAR_OK);
    for (at = 0; at < t.out.len; at += CHECK_STEP)
        for (bit = 0; bit < 8; bit++) {
            t.out.data[at] ^= (unsigned char)(1 << bit);
            code = check_bytes(t.out.data, t.out.len, 4096);
            t.out.data[at] ^= (unsigned char)(1 << bit);
            if (code != OCITAR_E_INVALID && !may_flip(t.out.data, at, bit)) {
                missed++;
                printf("missed: byte %lu bit %d: %s\n", (unsigned long)at, bit,
                       summary());
            }
            wrong += code != OCITAR_OK && code != OCITAR_E_INVALID;
        }
    CHECK(missed == 0);
    CHECK(wrong == 0);
    setup.strict = 0;
    for (at = 512; at < 1024; at++) { /* index.json, which no digest covers */
        t.out.data[at] ^= 1;
        code = check_bytes(t.out.data, t.out.len, 4096);
        t.out.data[at] ^= 1;
        lax += code == OCITAR_OK;
        worse += code == OCITAR_OK && checker.warnings == 0 &&
                 !may_flip(t.out.data, at, 0);
    }
    CHECK(lax > 64 && worse == 0); /* the 64 digits of the digest at least */
    free(t.out.data);
    defaults();
}

/* Two blobs, each under the other's name. */
static void test_wrong_names(void)
{
    plan p = good();
    named blobs[BLOBS];

    p.extra = "{ }";
    p.manifest =
        swap(p.manifest, L_DESC, L_DESC "," DESC("\"a/b\"", "@X", "@x"));
    name_blobs(&p, blobs);
    p.manifest = fill(p.manifest, blobs);
    p.config = fill(p.config, blobs);
    p.extra = NULL;
    p.layer_name = text_of("blobs/sha256/%s", blobs[EXTRA].hex);
    p.more = (const item[]){
        {'0', text_of("blobs/sha256/%s", blobs[LAYER].hex), "{ }"}};
    p.more_count = 1;
    FINDS(&p, "04E 04E 14E 14E 38w 55E");
}

/* JSON that is deep, and long. */
#define NEST(n) text_of("\"x\":%s%s,\"os\"", many('[', n), many(']', n))

static void test_deep_json(void)
{
    plan p = good();

    CONFIG("\"os\"", NEST(63), "");
    CONFIG("\"os\"", NEST(64), "61E");
    CONFIG("\"os\"", NEST(100000), "61E");
    INDEX("\"manifests\"", NEST(100000), "06iu 06iu 06iu 61E");
    LAYOUT("{", text_of("{\"x\":%s", many('[', 100000)), "61E");
    p.extra = text_of("{\"x\":%s", many('{', 100000)); /* is broken first */
    FINDS(&p, "06iu");
    p.extra = text_of("{\"x\":%s", many('[', 100000));
    FINDS(&p, "06iu");
}

static void test_long_json(void)
{
    const size_t size = 1000000 / CHECK_STEP / 8 * 8;
    plan p = good();
    char *text = hold(size);
    size_t i;

    for (i = 0; i < size; i++)
        text[i] = "[],{},0,"[i & 7];
    text[size - 1] = 0;
    CONFIG("\"os\"", text_of("\"x\":[%s],\"os\"", text), "");
    CONFIG("\"os\"", text_of("\"x\":\"%s\",\"os\"", many('x', size)), "");
    CONFIG("\"os\"", text_of("\"%s\":7,\"os\"", many('x', size)), "");
    CONFIG("\"os\"", text_of("\"x\":%s,\"os\"", many('1', size)), "");
    CONFIG("\"os\"", text_of("\"os\":\"%s\",\"x\"", many('x', 300)),
           "47E 54w");
    p.extra = text_of("{\"layers\":[%s]}", text);
    FINDS(&p, "06iu");
    p.extra = many(' ', size);
    FINDS(&p, "06iu");
}

/* A manifest's parts, each of all the wrong types. */
static const char *wrong_manifest(const char *name, const char *value)
{
    const char *manifest = good().manifest;
    const char *key = text_of("\"%s\"", name);
    const char *schema = strstr(manifest, "\"schemaVersion\"");
    const char *media = strstr(manifest, "\"mediaType\""); /* the first */

    if (strcmp(name, "mediaType") == 0)
        manifest = text_of("{%.*s,\"x\"%s", (int)(media - schema - 1), schema,
                           media + strlen(key));
    else if (strstr(manifest, key) != NULL)
        manifest = swap(manifest, key, "\"x\"");
    return text_of("{%s:%s,%s", key, value, manifest + 1);
}

static void test_wrong_types(void)
{
    static const char *const values[] = {
        "null", "true", "0", "\"\"", "[null]", "[[]]", "[0]", "{\"x\":[]}"};
    static const char *const names[] = {
        "schemaVersion", "mediaType",   "config",      "layers",
        "subject",       "annotations", "artifactType"};
    size_t i, j;
    int verdict, first, bad = 0;
    plan p;
    tar t;

    for (i = 0; i < 7; i++)
        for (j = 0; j < 8; j++)
            for (first = 0; first < 2; first++) {
                p = good();
                p.manifest = wrong_manifest(names[i], values[j]);
                build(&t, &p, first);
                verdict = check_bytes(t.out.data, t.out.len, 1000);
                bad += verdict != (i == 6 && j == 3 /* "": none */
                                       ? OCITAR_OK
                                       : OCITAR_E_INVALID);
                free(t.out.data);
                let_go();
            }
    CHECK(bad == 0);
}

/* The same of an index: empty it may be, but an array. */
static void test_wrong_indexes(void)
{
    static const char *const values[] = {"null",   "true",   "0",     "\"\"",
                                         "{}",     "[null]", "[[]]",  "[0]",
                                         "[\"\"]", "[{}]",   "[[{}]]"};
    size_t i;
    int verdict, bad = 0;
    tar t;

    for (i = 0; i < sizeof values / sizeof values[0]; i++) {
        plan p = good(), q = nested();

        p.index = swap(p.index, "[" ENTRY "]", values[i]);
        build(&t, &p, 1);
        verdict = check_bytes(t.out.data, t.out.len, 1000);
        bad += verdict != OCITAR_E_INVALID;
        free(t.out.data);
        q.extra = swap(q.extra, "[" ENTRY "]", values[i]);
        build(&t, &q, 0);
        verdict = check_bytes(t.out.data, t.out.len, 1000);
        bad += verdict != OCITAR_E_INVALID;
        free(t.out.data);
    }
    CHECK(bad == 0);
}

/* ---- tables that are too small, and large ones -------------------------- */

/* The good image, whose manifest lists many layers that are not there. */
static plan many_layers(size_t count)
{
    plan p = good();
    char *list = hold(count * 160), hex[65];
    size_t i, n = 0;

    for (i = 0; i < count; i++) {
        hex_of(&i, sizeof i, hex);
        n += (size_t)sprintf(list + n,
                             ",{\"mediaType\":\"a/b\",\"digest\":\"sha256:"
                             "%s\",\"size\":1}",
                             hex);
    }
    list[n] = 0;
    p.manifest = OTHER(p.manifest);
    p.manifest = swap(p.manifest, L_DESC, text_of(L_DESC "%s", list));
    return p;
}

static void test_small_table(void)
{
    plan p = good();
    uint32_t n, needed = 0;
    int first, verdict, wrong = 0;
    tar t;

    for (first = 0; first < 2; first++) {
        build(&t, &p, first);
        /* three blobs, and a diffID: what does not fit is only counted */
        for (n = 1; n < 4; n++) {
            setup.slot_count = n;
            verdict = check_bytes(t.out.data, t.out.len, 100);
            wrong += verdict != OCITAR_E_LIMIT || checker.needed < 4 ||
                     finding_count != 0;
            needed = checker.needed;
            setup.slot_count = needed;
            verdict = check_bytes(t.out.data, t.out.len, 100);
            wrong += verdict != OCITAR_OK;
        }
        setup.slot_count = 4;
        CHECK_CODE(check_bytes(t.out.data, t.out.len, 100), OCITAR_OK);
        CHECK(checker.needed == 4);
        free(t.out.data);
    }
    CHECK(wrong == 0);
    defaults();
}

static void test_many_layers(void)
{
    const uint32_t count = 100000 / CHECK_STEP;
    plan p = many_layers(count);
    int first, verdict;
    tar t;

    for (first = 0; first < 2; first++) {
        build(&t, &p, first);
        setup.slot_count = 16;
        verdict = check_bytes(t.out.data, t.out.len, 65536);
        CHECK_CODE(verdict, OCITAR_E_LIMIT);
        CHECK(checker.needed >= count + 3 && checker.needed < 4 * count);
        setup.slot_count = checker.needed;
        setup.slots = (ocitar_slot *)calloc(checker.needed, sizeof slots[0]);
        verdict = check_bytes(t.out.data, t.out.len, 65536);
        CHECK_CODE(verdict, OCITAR_OK);
        CHECK(checker.needed == count + 4 && checker.warnings == count);
        free(setup.slots);
        free(t.out.data);
        defaults();
    }
}

/* An index of so many manifests, each with a config of its own. */
static void build_many(tar *t, size_t count)
{
    plan p = good();
    char *list = hold(count * 300);
    named blobs[BLOBS];
    size_t i, n = 0;

    p.layer = NULL;
    p.manifest = swap(p.manifest, L_DESC, "");
    tar_begin(t);
    for (i = 0; i < count; i++) {
        p.config = text_of("{\"architecture\":\"amd64\",\"os\":\"linux\","
                           "\"author\":\"%lu\",\"rootfs\":{\"type\":"
                           "\"layers\",\"diff_ids\":[]}}",
                           (unsigned long)i);
        name_blobs(&p, blobs);
        add_blob(t, &p, blobs, CONFIG);
        add_blob(t, &p, blobs, MANIFEST);
        n += (size_t)sprintf(list + n, "%s%s", i > 0 ? "," : "",
                             fill(ENTRY, blobs));
    }
    add_text(t, "oci-layout", p.layout);
    add_text(t, "index.json", swap(p.index, ENTRY, list));
    tar_end(t);
}

static double seconds_of(size_t count)
{
    tar t;
    clock_t start;
    int verdict;

    build_many(&t, count);
    setup.slot_count = (uint32_t)(4 * count);
    setup.slots = (ocitar_slot *)calloc(4 * count, sizeof slots[0]);
    start = clock();
    verdict = check_bytes(t.out.data, t.out.len, 65536);
    start = clock() - start;
    CHECK_CODE(verdict, OCITAR_OK);
    CHECK(checker.needed == 2 * count);
    CHECK(checker.warnings == count); /* 34: none has a layer */
    free(t.out.data);
    free(setup.slots);
    defaults();
    let_go();
    return (double)start / CLOCKS_PER_SEC;
}

/* Four times the work for four times the input: ten times is allowed, and
   what a busy machine adds; the square of it would be sixteen. */
static void test_many_manifests(void)
{
    double small = seconds_of(2500), large = seconds_of(10000);

    CHECK(large < 10 * small + 0.5);
    CHECK(large < 10 * CHECK_STEP);
}

/* ---- callbacks --------------------------------------------------------- */

static char claims[4096];
static size_t claims_len;

static const char *or_none(const char *s)
{
    return s == NULL ? "-" : s;
}

static int note_claim(void *user, const ocitar_claim *c)
{
    char digest[OCITAR_DIGEST_TEXT_MAX], document[OCITAR_DIGEST_TEXT_MAX];

    (void)user;
    ocitar_digest_format(&c->digest, digest);
    document[0] = 0;
    if (c->document != NULL)
        ocitar_digest_format(c->document, document);
    claims_len += (size_t)snprintf(
        claims + claims_len, sizeof claims - claims_len,
        "%d.%u in %.15s: %.15s %lu %s %s %s %s %s %s/%s/%s\n", c->role,
        (unsigned)c->position, document, digest, (unsigned long)c->size,
        or_none(c->media_type), or_none(c->artifact_type),
        or_none(c->reference), or_none(c->name), or_none(c->title),
        or_none(c->os), or_none(c->architecture), or_none(c->variant));
    return 0;
}

/* An image with everything that a claim can say. */
static plan talkative(void)
{
    plan p = good();

    p.index = swap(p.index, PLATFORM,
                   "\"artifactType\":\"a/t\",\"platform\":{\"architecture\":"
                   "\"arm\",\"os\":\"linux\",\"variant\":\"v7\"},"
                   "\"annotations\":{\"" REF "\":\"1\",\"io.containerd.image."
                   "name\":\"x/y:1\",\"else\":\"not told\"}");
    p.manifest = swap(p.manifest, L_DESC,
                      L_DESC ",{\"mediaType\":\"text/plain\",\"digest\":"
                             "\"sha256:@X\",\"size\":@x,\"annotations\":{"
                             "\"org.opencontainers.image.title\":\"a.txt\"}}");
    p.manifest =
        swap(p.manifest, "\"config\"",
             "\"subject\":{" S_TYPE "," S_DIGEST "," S_SIZE "},\"config\"");
    p.extra = "three";
    p.config = swap(p.config, "amd64", "arm");
    p.config = swap(p.config, "\"os\"", "\"variant\":\"v7\",\"os\"");
    p.config =
        swap(p.config, "[\"sha256:@D\"]", "[\"sha256:@D\",\"sha256:@X\"]");
    return p;
}

static const char *short_hex(const named *n)
{
    return text_of("sha256:%.8s", n->hex);
}

static void test_claims(void)
{
    plan p = talkative();
    named blobs[BLOBS];
    const char *config, *manifest, *index, *m, *c;
    int first, verdict;
    tar t;

    name_blobs(&p, blobs);
    m = short_hex(&blobs[MANIFEST]);
    c = short_hex(&blobs[CONFIG]);
    config =
        text_of("5.0 in %s: %s 0 - - - - - -/-/-\n"
                "5.1 in %s: %s 0 - - - - - -/-/-\n"
                "6.0 in %s:  0 - - - - - linux/arm/v7\n",
                c, short_hex(&blobs[LAYER]), c, short_hex(&blobs[EXTRA]), c);
    manifest =
        text_of("4.0 in %s: sha256:%.8s 3 a/b - - - - -/-/-\n"
                "2.0 in %s: %s %lu " TYPE "config.v1+json - - - - -/-/-\n"
                "3.0 in %s: %s %lu " TYPE "layer.v1.tar - - - - -/-/-\n"
                "3.1 in %s: %s 5 text/plain - - - a.txt -/-/-\n",
                m, SOME, m, c, (unsigned long)blobs[CONFIG].len, m,
                short_hex(&blobs[LAYER]), (unsigned long)blobs[LAYER].len, m,
                short_hex(&blobs[EXTRA]));
    index = text_of("1.0 in : %s %lu " TYPE "manifest.v1+json a/t 1 x/y:1 - "
                    "linux/arm/v7\n",
                    m, (unsigned long)blobs[MANIFEST].len);
    for (first = 0; first < 2; first++) {
        setup.claim_fn = note_claim;
        claims_len = 0;
        build(&t, &p, first);
        verdict = check_bytes(t.out.data, t.out.len, 3);
        same(__LINE__, "claims", "38w 41im", verdict);
        CHECK(strcmp(claims,
                     first ? text_of("%s%s%s", index, manifest, config)
                           : text_of("%s%s%s", config, manifest, index)) == 0);
        free(t.out.data);
    }
    defaults();
}

/* A config without a variant; one with less than that. */
static void test_claims_of_platforms(void)
{
    plan p = good();
    tar t;

    setup.claim_fn = note_claim;
    claims_len = 0;
    build(&t, &p, 0);
    check_bytes(t.out.data, t.out.len, 100);
    CHECK(strstr(claims, " linux/amd64/-\n") != NULL);
    free(t.out.data);
    p.index = "{\"manifests\":[" DESC("\"a/b\"", "@M", "@m") "," DESC(
        "\"a/b\"", "@C", "@c") "]}";
    claims_len = 0;
    build(&t, &p, 1);
    check_bytes(t.out.data, t.out.len, 100);
    CHECK(strstr(claims, "1.1 in : ") != NULL); /* by position */
    free(t.out.data);
    defaults();
}

/* Taps. The blob whose hex digits begin so is asked for. */
typedef struct tapped {
    check_sink out;
    const char *hex;
    int calls, begun, fail_at, code, answers;
    uint64_t size;
} tapped;

static int tap_blob(void *user, const ocitar_digest *digest, uint64_t size)
{
    tapped *p = (tapped *)user;
    char text[OCITAR_DIGEST_TEXT_MAX];

    if (++p->calls == p->fail_at)
        return p->code;
    p->begun++;
    ocitar_digest_format(digest, text);
    if (p->hex == NULL || strcmp(text + 7, p->hex) != 0)
        return 0;
    p->size = size;
    return 1;
}

static int tap_bytes(void *user, const void *data, size_t len)
{
    tapped *p = (tapped *)user;

    if (++p->calls == p->fail_at)
        return p->code;
    p->answers++;
    return check_put(&p->out, data, len);
}

static int tap_finding(void *user, const ocitar_finding *f)
{
    tapped *p = (tapped *)user;

    (void)f;
    return ++p->calls == p->fail_at ? p->code : 0;
}

static int tap_claim(void *user, const ocitar_claim *c)
{
    tapped *p = (tapped *)user;

    (void)c;
    return ++p->calls == p->fail_at ? p->code : 0;
}

static void test_taps(void)
{
    plan p = good();
    named blobs[BLOBS];
    static const size_t pieces[] = {1, 7, 512, 100000};
    tapped tap;
    size_t i;
    int b;
    tar t;

    name_blobs(&p, blobs);
    build(&t, &p, 0);
    for (b = 0; b < EXTRA; b++)
        for (i = 0; i < 4; i++) {
            memset(&tap, 0, sizeof tap);
            tap.hex = blobs[b].hex;
            setup.blob_fn = tap_blob;
            setup.tap_fn = tap_bytes;
            setup.user = &tap;
            CHECK_CODE(check_bytes(t.out.data, t.out.len, pieces[i]),
                       OCITAR_OK);
            CHECK(tap.begun == 3 && tap.size == blobs[b].len);
            CHECK(tap.out.len == blobs[b].len &&
                  memcmp(tap.out.data, blobs[b].data, blobs[b].len) == 0);
            free(tap.out.data);
        }
    memset(&tap, 0, sizeof tap); /* none is asked for */
    CHECK_CODE(check_bytes(t.out.data, t.out.len, 100), OCITAR_OK);
    CHECK(tap.begun == 3 && tap.answers == 0);
    tap.hex = blobs[0].hex; /* asked for, with nothing to take it */
    setup.tap_fn = NULL;
    CHECK_CODE(check_bytes(t.out.data, t.out.len, 100), OCITAR_OK);
    CHECK(tap.answers == 0);
    free(t.out.data);
    defaults();
}

/* A blob's second copy is no blob. */
static void test_tap_of_a_copy(void)
{
    plan p = good();
    named blobs[BLOBS];
    tapped tap;
    tar t;

    name_blobs(&p, blobs);
    memset(&tap, 0, sizeof tap);
    tap.hex = blobs[MANIFEST].hex;
    p.more = (const item[]){{'0', "blobs/sha256/@M", "{}"}};
    p.more_count = 1;
    build(&t, &p, 0);
    setup.blob_fn = tap_blob;
    setup.tap_fn = tap_bytes;
    setup.user = &tap;
    CHECK_CODE(check_bytes(t.out.data, t.out.len, 100), OCITAR_E_INVALID);
    CHECK(tap.begun == 3 && tap.out.len == blobs[MANIFEST].len);
    free(tap.out.data);
    free(t.out.data);
    defaults();
}

/* Which functions are set: 1 finding, 2 claim, 4 blob, 8 tap. */
static void hook_at_every_call(const plan *p, int which, int code, int least)
{
    tapped tap;
    named blobs[BLOBS];
    int n, verdict = OCITAR_E_HOOK, wrong = 0;
    tar t;

    name_blobs(p, blobs);
    build(&t, p, 0);
    for (n = 1; verdict == OCITAR_E_HOOK && n < 1000; n++) {
        memset(&tap, 0, sizeof tap);
        tap.fail_at = n;
        tap.code = code;
        tap.hex = blobs[LAYER].hex;
        setup.user = &tap;
        setup.finding_fn = which & 1 ? tap_finding : NULL;
        setup.claim_fn = which & 2 ? tap_claim : NULL;
        setup.blob_fn = which & 12 ? tap_blob : NULL;
        setup.tap_fn = which & 8 ? tap_bytes : NULL;
        strip_defaults();
        verdict = check_bytes(t.out.data, t.out.len, 100);
        free(tap.out.data);
        wrong += stripper.begins != stripper.ends || stripper.live != 0;
        if (verdict != OCITAR_E_HOOK)
            break;
        wrong += checker.user_code != code || tap.calls != n;
        wrong += ocitar_checker_push(&checker, "x", 1) != OCITAR_E_HOOK;
        wrong += ocitar_checker_end(&checker) != OCITAR_E_HOOK;
        wrong += tap.calls != n;
    }
    CHECK(n > (by_reading ? 3 : least)); /* in fewer and larger pieces */
    CHECK(wrong == 0);
    CHECK(verdict == OCITAR_OK || verdict == OCITAR_E_INVALID);
    free(t.out.data);
    defaults();
}

static void test_hooks(void)
{
    plan p = packed("\x1f\x8b y"), q = talkative(), bad = good();

    hook_at_every_call(&p, 4, 2, 3);
    hook_at_every_call(&p, 4, -1, 3);
    hook_at_every_call(&p, 12, 5, 20); /* within a codec's blob, too */
    hook_at_every_call(&p, 12, OCITAR_E_BUSY, 20);
    hook_at_every_call(&q, 2, 5, 7);
    hook_at_every_call(&q, 2, -1, 7);
    bad.layout = "{}";
    bad.manifest = swap(bad.manifest, "@l", "7");
    bad.config = swap(bad.config, "@D", SOME);
    bad.more = (const item[]){{'0', "blobs/x", "x"}, {'0', "y", "x"}};
    bad.more_count = 2;
    hook_at_every_call(&bad, 1, 5, 5);
    hook_at_every_call(&bad, 15, OCITAR_E_HOOK, 20);
}

/* ---- arguments --------------------------------------------------------- */

/* ---- archives that are read, not pushed -------------------------------- */

enum { LARGE = 200000 };

/* Large blobs of several lengths with small ones between them, of which
   nothing is a document or a layer. */
static void large_archive(check_sink *out, int count)
{
    static unsigned char content[LARGE + 100];
    ocitar_archive_desc desc = OCITAR_ZERO;
    static unsigned char room[512];
    ocitar_archive archive;
    ocitar_layout layout;
    int i;

    desc.sink.put_fn = check_put;
    desc.sink.user = out;
    desc.buffer = room;
    desc.buffer_size = sizeof room;
    if (ocitar_archive_begin(&archive, &desc) != OCITAR_OK ||
        ocitar_layout_begin(&layout, &archive, NULL) != OCITAR_OK)
        abort();
    for (i = 0; i < count; i++) {
        memset(content, 'a' + i, sizeof content);
        if (ocitar_blob_put(&layout, 0, content, (size_t)(LARGE + i % 3), NULL) !=
                OCITAR_OK ||
            ocitar_blob_put(&layout, 0, content, (size_t)i, NULL) != OCITAR_OK)
            abort();
    }
    if (ocitar_archive_finish(&archive) != OCITAR_OK)
        abort();
}

static void begin_again(void)
{
    finding_count = 0;
    memset(&checker, 0x55, sizeof checker);
    CHECK_CODE(ocitar_checker_begin(&checker, &setup), OCITAR_OK);
}

/* What is found by reading is what is found by pushing. */
static int read_as_pushed(memory *m, size_t buffer_size)
{
    static found pushed[FOUND_MAX];
    uint32_t errors, warnings, notes;
    size_t count;
    int verdict;

    begin_again();
    push_all(m->data, m->len, 1000);
    verdict = ocitar_checker_end(&checker);
    count = finding_count;
    memcpy(pushed, findings, count * sizeof pushed[0]);
    errors = checker.errors;
    warnings = checker.warnings;
    notes = checker.notes;
    begin_again();
    m->reads = 0;
    m->taken = 0;
    read_all(m, buffer_size);
    return ocitar_checker_end(&checker) == verdict && finding_count == count &&
           checker.errors == errors && checker.warnings == warnings &&
           checker.notes == notes &&
           memcmp(pushed, findings, count * sizeof pushed[0]) == 0;
}

static void test_reading(void)
{
    static const size_t rooms[] = { 3072, 4000, 8192 };
    check_sink out = OCITAR_ZERO;
    memory m = OCITAR_ZERO;
    size_t i, at;
    int count;

    defaults();
    setup.layer = NULL; /* nothing looks into the blobs */
    for (count = 1; count <= 9; count++) {
        out.len = 0;
        large_archive(&out, count);
        m.data = out.data;
        m.len = out.len;
        for (i = 0; i < 3; i++) {
            m.most = i == 1 ? 777 : SIZE_MAX;
            CHECK(read_as_pushed(&m, rooms[i]));
            CHECK(m.taken < out.len + 24 * 512 * (size_t)count +
                                3 * rooms[i] * (size_t)count);
        }
    }
    for (at = 512; at < out.len; at += 64007) { /* a bit anywhere */
        out.data[at] ^= 4;
        CHECK(read_as_pushed(&m, 8192));
        out.data[at] ^= 4;
        m.len = at; /* or the end */
        CHECK(read_as_pushed(&m, 8192));
        m.len = out.len;
    }
    free(out.data);
    defaults();
}

/* The source fails at each of its calls. */
static void test_reading_fails(void)
{
    check_sink out = OCITAR_ZERO;
    memory m = OCITAR_ZERO;
    int e = OCITAR_E_SOURCE, n, wrong = 0;

    large_archive(&out, 3);
    m.data = out.data;
    m.len = out.len;
    m.most = SIZE_MAX;
    for (n = 1; n < 100000; n += 1 + n / 20) {
        begin_again();
        m.reads = 0;
        m.fail_at = n;
        m.code = 77;
        e = read_all(&m, 8192);
        if (m.reads < n)
            break;
        /* what was only looked at ahead is looked at again */
        wrong += e != OCITAR_OK &&
                 (e != OCITAR_E_SOURCE || checker.user_code != 77 ||
                  ocitar_checker_end(&checker) != OCITAR_E_SOURCE);
    }
    CHECK(n > 20 && e == OCITAR_OK && wrong == 0);
    m.fail_at = 2;
    begin_again();
    CHECK_CODE(read_all(&m, 3071), OCITAR_E_ARG);
    CHECK_CODE(ocitar_checker_read(&checker, NULL, buffer, sizeof buffer),
               OCITAR_E_ARG);
    CHECK_CODE(ocitar_checker_read(NULL, NULL, buffer, sizeof buffer),
               OCITAR_E_ARG);
    free(out.data);
    defaults();
}

static void test_arguments(void)
{
    CHECK_CODE(ocitar_checker_begin(NULL, &setup), OCITAR_E_ARG);
    CHECK_CODE(ocitar_checker_begin(&checker, NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_checker_push(&checker, "", 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_checker_end(&checker), OCITAR_E_ARG);
    CHECK_CODE(ocitar_checker_push(NULL, "", 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_checker_end(NULL), OCITAR_E_ARG);
    CHECK_CODE(ocitar_checker_begin(&checker, &setup), OCITAR_OK);
    CHECK_CODE(ocitar_checker_push(&checker, NULL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_checker_push(&checker, NULL, 1), OCITAR_E_ARG);
    CHECK_CODE(ocitar_checker_push(&checker, "x", 1), OCITAR_OK);
}

static void refused(int line)
{
    int e = ocitar_checker_begin(&checker, &setup);

    if (e != OCITAR_E_ARG || ocitar_checker_end(&checker) != OCITAR_E_ARG) {
        check_failed++;
        printf("FAIL %s:%d: not refused\n", __FILE__, line);
    } else {
        check_passed++;
    }
    defaults();
}

static void test_refused(void)
{
    setup.slots = NULL;
    refused(__LINE__);
    setup.slot_count = 0;
    refused(__LINE__);
    setup.buffer = NULL;
    refused(__LINE__);
    setup.buffer_size = 767;
    refused(__LINE__);
    setup.paths = NULL;
    refused(__LINE__);
    setup.path_count = 0;
    refused(__LINE__);
    setup.layer_buffer = NULL;
    refused(__LINE__);
    setup.layer_buffer_size = 511;
    refused(__LINE__);
    setup.layer = NULL; /* then the others are not needed */
    setup.paths = NULL;
    setup.layer_buffer = NULL;
    CHECK_CODE(ocitar_checker_begin(&checker, &setup), OCITAR_OK);
    defaults();
}

static void test_rule_text(void)
{
    int i, empty = 0;

    CHECK(strcmp(ocitar_rule_text(14),
                 "a blob has its descriptor's size") == 0);
    CHECK(strcmp(ocitar_rule_text(-1), "") == 0);
    CHECK(strcmp(ocitar_rule_text(62), "") == 0);
    CHECK(strcmp(ocitar_rule_text(255), "") == 0);
    for (i = 0; i <= 61; i++)
        empty += ocitar_rule_text(i)[0] == 0;
    CHECK(empty == 0);
}

/* Findings bear the rule's text, and what they are about. */
static void test_findings_in_full(void)
{
    plan p = good();
    item i = {'0', "README", "x"};
    tar t;

    p.more = &i;
    p.more_count = 1;
    build(&t, &p, 0);
    CHECK_CODE(check_bytes(t.out.data, t.out.len, 100), OCITAR_OK);
    CHECK(finding_count == 1 && strcmp(findings[0].name, "README") == 0);
    CHECK(strcmp(findings[0].text, ocitar_rule_text(8)) == 0);
    CHECK(findings[0].digest.algorithm == 0);
    CHECK(findings[0].expected_size == 0 && findings[0].actual_size == 0);
    free(t.out.data);
    LAYOUT("1.0.0", "2", "02E");
    CHECK(strcmp(findings[0].name, "oci-layout") == 0);
    INDEX("\"schemaVersion\":2,", "", "42E");
    CHECK(strcmp(findings[0].name, "index.json") == 0);
}

/* ---- engines and memory ------------------------------------------------ */

/* The bundled SHA-256 behind an engine that can fail. */
typedef struct hasher {
    ocitar_engine engine;
    ocitar_digester digester;
    int begins, ends, dropped, calls, fail_at;
} hasher;

static int hasher_begin(void *user, void *state, uint8_t algorithm)
{
    hasher *h = (hasher *)user;

    (void)state;
    if (++h->calls == h->fail_at)
        return 7;
    h->begins++;
    return ocitar_digester_begin(&h->digester, algorithm, NULL);
}

static int hasher_update(void *user, void *state, const void *data, size_t len)
{
    hasher *h = (hasher *)user;

    (void)state;
    if (++h->calls == h->fail_at)
        return 7;
    return ocitar_digester_update(&h->digester, data, len);
}

static int hasher_end(void *user, void *state, uint8_t *out)
{
    hasher *h = (hasher *)user;
    ocitar_digest digest;

    (void)state;
    h->ends++;
    if (out == NULL) {
        h->dropped++;
        return 0;
    }
    if (++h->calls == h->fail_at)
        return 7;
    ocitar_digester_end(&h->digester, &digest);
    memcpy(out, digest.bytes, 32);
    return 0;
}

static void hasher_reset(hasher *h)
{
    memset(h, 0, sizeof *h);
    h->engine.begin_fn = hasher_begin;
    h->engine.update_fn = hasher_update;
    h->engine.end_fn = hasher_end;
    h->engine.user = h;
    h->engine.algorithms = OCITAR_SHA256;
    setup.engine = &h->engine;
}

static void test_engine(void)
{
    static hasher h;
    plan p = good();
    size_t len;
    int calls, n, wrong = 0, leaked = 0;
    tar t;

    build(&t, &p, 0);
    hasher_reset(&h);
    CHECK_CODE(check_bytes(t.out.data, t.out.len, 100), OCITAR_OK);
    CHECK(h.begins == 3 && h.ends == 3 && h.dropped == 0);
    calls = h.calls;
    for (len = 0; len < t.out.len; len += 100) { /* cut anywhere */
        hasher_reset(&h);
        check_bytes(t.out.data, len, 100);
        leaked += h.begins != h.ends;
    }
    for (n = 1; n <= calls; n++) {
        hasher_reset(&h);
        h.fail_at = n;
        wrong += check_bytes(t.out.data, t.out.len, 100) == OCITAR_OK;
        leaked += h.begins != h.ends;
    }
    CHECK(leaked == 0);
    CHECK(wrong == 0);
    free(t.out.data);
    defaults();
}

/* A checker, its buffer and its table, as a small device would have them. */
static void test_memory(void)
{
    size_t small = sizeof(ocitar_checker) + 768 + 16 * sizeof(ocitar_slot);
    size_t large = sizeof(ocitar_checker) + 768 + 64 * sizeof(ocitar_slot);

    printf("checker %lu, slot %lu, layer checker %lu; with 16 slots %lu, "
           "with 64 %lu bytes\n",
           (unsigned long)sizeof(ocitar_checker),
           (unsigned long)sizeof(ocitar_slot),
           (unsigned long)sizeof(ocitar_layer_checker), (unsigned long)small,
           (unsigned long)large);
    CHECK(small <= 4096);
    CHECK(large <= 8192);
}

/* ---- what once was wrong ----------------------------------------------- */


/* A name's meaning is a number that contexts and fields share: "urls" is
   taken for "data", and its digester begun again. */
static void test_data_and_urls(void)
{
    SUBJECT("\"data\":\"YWJj\"," S_DIGEST "," S_TYPE "," S_SIZE
            ",\"urls\":[\"http://a/b\"]",
            "41im");
}

/* Values of 257 bytes and more are taken for a wrong rootfs.type. */
static void test_long_values(void)
{
    const char *x = many('x', 257);

    run_config(text_of("\"Labels\":{\"a\":\"%s\"}", x), "");
    MANIFEST("\"config\"", text_of(NOTE("a", "\"%s\"") ",\"config\"", x), "");
    INDEX(PLATFORM, text_of(PLATFORM "," NOTE("a", "\"%s\""), x), "");
    CONFIG("\"os\"", text_of("\"created\":\"%s\",\"os\"", x), "50E");
    MANIFEST("\"schemaVersion\":2",
             text_of("\"schemaVersion\":%s", many('2', 300)), "31E");
}

/* Two long annotations before the media type, as canonical JSON has it: there
   is no room to keep it, the manifest is of a type unknown, and nothing
   below it is looked at. */
static void test_media_type_without_room(void)
{
    plan p = good();

    p.manifest = swap(p.manifest, "@l", "7");
    p.index =
        swap(p.index, "{\"mediaType\":" T_MANIFEST,
             text_of("{\"annotations\":{\"io.containerd.image.name\":"
                     "\"%s\",\"" REF "\":\"%s\"},\"mediaType\":" T_MANIFEST,
                     many('n', 250), many('r', 230)));
    FINDS(&p, "14E");
}

/* Behind an escaped NUL nothing is seen. */
static void test_nul_in_strings(void)
{
    SUBJECT("\"mediaType\":\"a/b\\u0000 c\"," S_DIGEST "," S_SIZE, "11E");
    MANIFEST("manifest.v1+json", "manifest.v1+json\\u0000x", "32E");
    CONFIG("\"amd64\"", "\"amd64\\u0000x\"", "47E 54w");
}

/* With nothing else in index.json, it is told as rule 3. */
static void test_null_manifests(void)
{
    INDEX("[" ENTRY "]", "null", "06iu 06iu 06iu 43E");
    INDEX("[" ENTRY "]", "{}", "06iu 06iu 06iu 43E");
}

static void test_greatest_size(void)
{
    bad_size("9223372036854775807", "27w 41im");
}

/* A tar is told from a document by its first byte, and that is a file's
   name. */
static void test_tar_that_looks_like_json(void)
{
    one_item('0', "{}", "1", "");
    one_item('0', " a", "1", "");
    one_item('0', "\n", "1", "");
}

static void test_null_in_history(void)
{
    CONFIG("\"os\"", "\"history\":[{\"empty_layer\":null}],\"os\"", "");
}

static void test_directories_for_files(void)
{
    one_entry('5', "index.json/", NULL, "61E", "a directory for a file");
    one_entry('5', "manifest.json/", NULL, "61E", "a directory for a file");
    one_entry('5', "blobs/sha256/" SOME "/", NULL, "61E",
              "a directory for a file");
}

/* Where it is unpacked it is index.json. */
static void test_another_name(void)
{
    one_entry('0', ".//index.json", "{}", "61E", "an entry twice");
}

static void test_times_that_are_none(void)
{
    bad_time("2024-13-01T12:00:00Z", "50E");
    bad_time("2024-00-01T12:00:00Z", "50E");
    bad_time("2024-01-32T12:00:00Z", "50E");
    bad_time("2024-01-01T24:00:00Z", "50E");
    bad_time("2024-01-01T12:00:61Z", "50E");
    bad_time("2024-01-01T12:00:00+24:00", "50E");
}

static void test_rule_22(void)
{
    bad_digest("\"blake3:" SOME "\"", "41im");
    bad_digest("\"blake3:00\"", "22E");
}

static void test_foreign_zstd(void)
{
    magic(TYPE "layer.nondistributable.v1.tar+zstd", "\x28\xb5\x2f\xfd", 4,
          "49ic 55ic 59w");
}

/* Only a manifest's claim in index.json names it. */
static void test_expected_subject(void)
{
    plan p = good();

    p.index =
        "{\"schemaVersion\":2,\"mediaType\":" T_INDEX
        ",\"manifests\":[],\"subject\":{" S_TYPE "," S_DIGEST "," S_SIZE "}}";
    CHECK_CODE(ocitar_digest_parse(&setup.expected, "sha256:" SOME, 0),
               OCITAR_OK);
    FINDS(&p, "00Em 06iu 06iu 06iu 41im");
    defaults();
    p = good();
    p.layout = swap(p.layout, "{",
                    "{\"subject\":{" S_TYPE "," S_DIGEST "," S_SIZE "},");
    FINDS(&p, "");
}

/* Claims to one digest are one chain in the table, walked for each of them:
   the square of their number. */
static void test_many_claims_of_one(void)
{
    plan p = good();
    char *list = hold(20000 * 150);
    clock_t start;
    size_t i, n = 0;
    tar t;

    for (i = 0; i < 20000; i++)
        n += (size_t)sprintf(list + n, ",%s", DESC("\"a/b\"", SOME, "1"));
    p.manifest = swap(OTHER(p.manifest), L_DESC, text_of(L_DESC "%s", list));
    build(&t, &p, 0);
    setup.slot_count = 40000;
    setup.slots = (ocitar_slot *)calloc(40000, sizeof slots[0]);
    start = clock();
    check_bytes(t.out.data, t.out.len, 65536);
    CHECK((double)(clock() - start) / CLOCKS_PER_SEC < 0.3 * CHECK_STEP);
    free(t.out.data);
    free(setup.slots);
    defaults();
}



/* Windows has a line for each of its versions. */
static void test_os_versions(void)
{
    two_entries(ARM ",\"os.version\":\"10.0.1\"}",
                ARM ",\"os.version\":\"10.0.2\"}", "");
}

/* The verdict is told twice, and the findings counted twice. */
static void test_end_twice(void)
{
    plan p = good();
    tar t;

    p.extra = "x";
    build(&t, &p, 0);
    CHECK_CODE(check_bytes(t.out.data, t.out.len, 100), OCITAR_OK);
    CHECK_CODE(ocitar_checker_end(&checker), OCITAR_OK);
    CHECK(checker.notes == 1 && finding_count == 1);
    free(t.out.data);
}

/* 52, 60: values and names that are known to be wrong. */
static void test_reserved(void)
{
    run_config("\"ArgsEscaped\":true", "52w");
    run_config("\"Memory\":1", "52w");
    MANIFEST("\"config\"",
             NOTE("org.opencontainers.mine", "\"\"") ",\"config\"", "60w");
    MANIFEST("\"config\"",
             NOTE("org.opencontainers.image.created", "\"now\"") ",\"config\"",
             "60w");
    MANIFEST(
        "\"config\"",
        NOTE("org.opencontainers.image.base.digest", "\"none\"") ",\"config\"",
        "60w");
    INDEX("\"os\":\"linux\"", "\"os\":\"linux\",\"variant\":\"x\"", "45w");
}


static void run(void (*test)(void))
{
    defaults();
    test();
    let_go();
}

int main(void)
{
    run(test_good);
    run(test_rule_0);
    run(test_confused_names);
    run(test_rule_1);
    run(test_rule_2);
    run(test_rule_3);
    run(test_rule_4);
    run(test_rule_5);
    run(test_rule_6);
    run(test_rule_7);
    run(test_core);
    run(test_rule_8);
    run(test_rule_9);
    run(test_rule_10);
    run(test_rule_11);
    run(test_rule_12);
    run(test_rule_13);
    run(test_rule_14);
    run(test_rule_15);
    run(test_rule_16);
    run(test_empty_data);
    run(test_data_of_sha512);
    run(test_long_data);
    run(test_rule_18);
    run(test_rule_19);
    run(test_rule_20);
    run(test_rule_21);
    run(test_rule_23);
    run(test_rule_25);
    run(test_rule_26);
    run(test_rule_27);
    run(test_rule_31);
    run(test_rule_32);
    run(test_rule_33);
    run(test_unknown_config);
    run(test_rule_34);
    run(test_rule_37);
    run(test_rule_38);
    run(test_rule_40);
    run(test_rule_41);
    run(test_subject_that_is_there);
    run(test_rule_42);
    run(test_nested);
    run(test_rule_43);
    run(test_rule_45);
    run(test_rule_46);
    run(test_rule_47);
    run(test_rule_48);
    run(test_rule_49);
    run(test_two_layers);
    run(test_a_layer_twice);
    run(test_rule_50);
    run(test_rule_51);
    run(test_rule_52);
    run(test_rule_53);
    run(test_rule_54);
    run(test_rule_55);
    run(test_no_room_for_paths);
    run(test_sparse_layer);
    run(test_rule_56);
    run(test_rule_57);
    run(test_rule_58);
    run(test_rule_59);
    run(test_foreign);
    run(test_rule_60);
    run(test_rule_61_names);
    run(test_rule_61_types);
    run(test_rule_61_twice);
    run(test_rule_61_sparse);
    run(test_sparse_by_pax);
    run(test_rule_61_tar);
    run(test_rule_61_sizes);
    run(test_empty_tar);
    run(test_long_name);
    run(test_limits);
    run(test_rule_44);
    run(test_circle);
    run(test_library_images);
    run(test_library_nested);
    run(test_library_artifact);
    run(test_library_metadata_first);
    run(test_packed);
    run(test_packed_layers_are_looked_into);
    run(test_codec_that_fails);
    run(test_codec_that_fails_elsewhere);
    run(test_codec_of_a_torn_archive);
    run(test_truncation);
    run(test_every_bit);
    run(test_wrong_names);
    run(test_deep_json);
    run(test_long_json);
    run(test_wrong_types);
    run(test_wrong_indexes);
    run(test_small_table);
    run(test_many_layers);
    run(test_many_manifests);
    run(test_claims);
    run(test_claims_of_platforms);
    run(test_taps);
    run(test_tap_of_a_copy);
    run(test_hooks);
    run(test_reading);
    run(test_reading_fails);
    run(test_arguments);
    run(test_refused);
    run(test_rule_text);
    run(test_findings_in_full);
    run(test_engine);
    run(test_memory);
    run(test_data_and_urls);
    run(test_long_values);
    run(test_media_type_without_room);
    run(test_nul_in_strings);
    run(test_null_manifests);
    run(test_greatest_size);
    run(test_tar_that_looks_like_json);
    run(test_null_in_history);
    run(test_directories_for_files);
    run(test_another_name);
    run(test_times_that_are_none);
    run(test_rule_22);
    run(test_foreign_zstd);
    run(test_expected_subject);
    run(test_many_claims_of_one);
    run(test_os_versions);
    run(test_end_twice);
    run(test_reserved);
    free(held);
    return check_done();
}
