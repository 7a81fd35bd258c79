/* test_rules - what the OCI image specification asks of a writer, rule by
   rule, shown in the bytes that were written. */

#include "ocitar.h"
#include "check.h"
#include "tar_reader.h"
#include "layout_reader.h"

#define OCI "application/vnd.oci.image."
#define MANIFEST OCI "manifest.v1+json"
#define INDEX OCI "index.v1+json"
#define LAYER OCI "layer.v1.tar"
#define EMPTY_TYPE "application/vnd.oci.empty.v1+json"
#define EMPTY                                                                 \
    "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

#define CHAIN_ZA                                                              \
    "sha256:0bb990a59ec6aa2e105a04495b551b1789344161ecafb2f4edd84311df11780e"

/* ---- what a test starts with ---- */

enum { POOL = 16 };

typedef struct fixture {
    check_sink out;
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_index index;
    ocitar_image image;
    ocitar_layer layer;
    ocitar_spool spool;
    ocitar_descriptor pool[POOL];
    ocitar_key paths[32];
    unsigned char buffer[512];
    unsigned char waiting[16384];
} fixture;

static void start_with(fixture *f, uint8_t algorithms,
                       const ocitar_pair *annotations, size_t count)
{
    ocitar_archive_desc a = OCITAR_ZERO;
    ocitar_layout_desc l = OCITAR_ZERO;
    ocitar_index_desc d = OCITAR_ZERO;

    memset(f, 0, sizeof *f);
    a.buffer = f->buffer;
    a.buffer_size = sizeof f->buffer;
    a.sink.put_fn = check_put;
    a.sink.user = &f->out;
    l.algorithms = algorithms;
    d.descriptors = f->pool;
    d.capacity = POOL;
    d.annotations = annotations;
    d.annotation_count = count;
    CHECK_CODE(ocitar_spool_begin_buffer(&f->spool, f->waiting,
                                         sizeof f->waiting), OCITAR_OK);
    CHECK_CODE(ocitar_archive_begin(&f->archive, &a), OCITAR_OK);
    CHECK_CODE(ocitar_layout_begin(&f->layout, &f->archive, &l), OCITAR_OK);
    CHECK_CODE(ocitar_index_begin(&f->index, &f->layout, &d), OCITAR_OK);
}

static void start(fixture *f)
{
    start_with(f, 0, NULL, 0);
}

static void finish(fixture *f)
{
    bytes all;

    CHECK_CODE(ocitar_index_end(&f->index), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f->archive), OCITAR_OK);
    all.data = f->out.data;
    all.len = f->out.len;
    CHECK(tar_count(all) > 0);
}

static void stop(fixture *f)
{
    free(f->out.data);
}

/* After an error: given up, and the archive is whole without it. */
static void stop_abandoned(fixture *f)
{
    CHECK_CODE(ocitar_index_abandon(&f->index), OCITAR_OK);
    CHECK_CODE(ocitar_archive_finish(&f->archive), OCITAR_OK);
    stop(f);
}

static ocitar_image_desc image_desc(const char *reference)
{
    ocitar_image_desc d = OCITAR_ZERO;

    d.reference = reference;
    d.platform.architecture = "arm64";
    return d;
}

static void image_begin(fixture *f, const ocitar_image_desc *d)
{
    CHECK_CODE(ocitar_image_begin(&f->image, &f->index, d), OCITAR_OK);
}

static void image_end(fixture *f)
{
    CHECK_CODE(ocitar_image_end(&f->image), OCITAR_OK);
}

static void add_image(fixture *f, const ocitar_image_desc *d)
{
    image_begin(f, d);
    image_end(f);
}

/* An archive with one image without layers. */
static void image_archive(fixture *f, const ocitar_image_desc *d)
{
    start(f);
    add_image(f, d);
    finish(f);
}

/* What making such an archive returns first. */
static int image_code(const ocitar_image_desc *d)
{
    fixture f;
    int e;

    start(&f);
    e = ocitar_image_begin(&f.image, &f.index, d);
    if (e == OCITAR_OK)
        e = ocitar_image_end(&f.image);
    if (e == OCITAR_OK)
        e = ocitar_index_end(&f.index);
    if (e == OCITAR_OK)
        CHECK_CODE(ocitar_archive_finish(&f.archive), OCITAR_OK);
    else
        CHECK_CODE(ocitar_index_abandon(&f.index), OCITAR_OK);
    stop(&f);
    return e;
}

static ocitar_descriptor put_blob(fixture *f, const char *media_type,
                                  const char *text)
{
    ocitar_descriptor d = OCITAR_ZERO;

    d.media_type = media_type;
    d.size = strlen(text);
    CHECK_CODE(ocitar_blob_put(&f->layout, 0, text, strlen(text), &d.digest),
               OCITAR_OK);
    d.diff_id = d.digest;
    return d;
}

static void add_layer(fixture *f, const char *text)
{
    ocitar_descriptor d = put_blob(f, LAYER, text);

    CHECK_CODE(ocitar_image_layer(&f->image, &d), OCITAR_OK);
}

static const char *manifest_of(const fixture *f)
{
    return blob_of(&f->out, &ocitar_image_descriptor(&f->image)->digest);
}

static const char *config_of(const fixture *f)
{
    return blob_of(&f->out, &ocitar_image_descriptor(&f->image)->diff_id);
}

static const char *index_of(const fixture *f)
{
    return text_of(&f->out, "index.json");
}

/* "sha256:..." of a text; kept until eight others were asked for. */
static const char *digest_text(const char *text)
{
    static char out[8][OCITAR_DIGEST_TEXT_MAX];
    static int turn;
    ocitar_digest d;
    char *p = out[turn++ & 7];

    CHECK_CODE(ocitar_digest_of(&d, OCITAR_SHA256, text, strlen(text)),
               OCITAR_OK);
    ocitar_digest_format(&d, p);
    return p;
}

/* Do these two stand in that order? */
static int before(const char *text, const char *first, const char *second)
{
    const char *p = strstr(text, first);

    return p != NULL && strstr(p + 1, second) != NULL;
}

/* ---- a reader of canonical JSON (RFC 8785), that takes nothing else ---- */

typedef struct json_key {
    uint16_t units[128];
    size_t count;
} json_key;

static const char *json_escape(const char *p, uint16_t *unit)
{
    static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
    const char *at = *p == 0 ? NULL : strchr(from, *p);
    unsigned v = 0;
    int i;

    if (at != NULL) {
        *unit = (uint16_t)to[at - from];
        return p + 1;
    }
    if (strncmp(p, "u00", 3) != 0)
        return NULL;
    for (i = 3; i < 5; i++)
        if (p[i] >= '0' && p[i] <= '9')
            v = v * 16 + (unsigned)(p[i] - '0');
        else if (p[i] >= 'a' && p[i] <= 'f')
            v = v * 16 + (unsigned)(p[i] - 'a') + 10;
        else
            return NULL;
    *unit = (uint16_t)v; /* a control character without a short form */
    return v < 0x20 && strchr("\b\t\n\f\r", (int)(v | (v == 0))) == NULL
               ? p + 5
               : NULL;
}

/* One character of UTF-8 that is not escaped; NULL: it is none. */
static const char *json_utf8(const char *p, uint32_t *out)
{
    static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
    const unsigned char *u = (const unsigned char *)p;
    int more = u[0] < 0x80 ? 0 : u[0] < 0xE0 ? 1 : u[0] < 0xF0 ? 2 : 3, i;
    uint32_t c = more == 0 ? u[0] : u[0] & (0x3FU >> more);

    if (u[0] < 0x20 || (u[0] >= 0x80 && u[0] < 0xC2) || u[0] > 0xF4)
        return NULL;
    for (i = 1; i <= more; i++) {
        if ((u[i] & 0xC0) != 0x80)
            return NULL;
        c = c << 6 | (u[i] & 0x3F);
    }
    *out = c;
    return c < least[more] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)
               ? NULL
               : p + 1 + more;
}

/* Behind the string at p, or NULL; *key is its UTF-16, as far as it fits. */
static const char *json_string(const char *p, json_key *key)
{
    uint32_t c = 0;
    uint16_t unit = 0;

    key->count = 0;
    if (*p++ != '"')
        return NULL;
    while (p != NULL && *p != '"') {
        if (*p == '\\') {
            p = json_escape(p + 1, &unit);
            c = unit;
        } else {
            p = json_utf8(p, &c);
        }
        if (key->count + 2 > sizeof key->units / sizeof key->units[0])
            continue;
        if (c >= 0x10000)
            key->units[key->count++] = (uint16_t)(0xD7C0 + (c >> 10));
        key->units[key->count++] =
            (uint16_t)(c >= 0x10000 ? 0xDC00 + (c & 0x3FF) : c);
    }
    return p == NULL ? NULL : p + 1;
}

static int json_less(const json_key *a, const json_key *b)
{
    size_t i;

    for (i = 0; i < a->count && i < b->count; i++)
        if (a->units[i] != b->units[i])
            return a->units[i] < b->units[i];
    return a->count < b->count;
}

static const char *json_value(const char *p);

/* Members in order, none twice, nothing between them but a comma. */
static const char *json_object(const char *p)
{
    json_key keys[2];
    int n = 0;

    if (*p == '}')
        return p + 1;
    for (;; p++, n++) {
        p = json_string(p, &keys[n & 1]);
        if (p == NULL || *p++ != ':' ||
            (n > 0 && !json_less(&keys[(n - 1) & 1], &keys[n & 1])))
            return NULL;
        p = json_value(p);
        if (p == NULL || *p != ',')
            return p != NULL && *p == '}' ? p + 1 : NULL;
    }
}

static const char *json_array(const char *p)
{
    if (*p == ']')
        return p + 1;
    for (;; p++) {
        p = json_value(p);
        if (p == NULL || *p != ',')
            return p != NULL && *p == ']' ? p + 1 : NULL;
    }
}

static const char *json_value(const char *p)
{
    json_key ignored;

    if (*p == '{')
        return json_object(p + 1);
    if (*p == '[')
        return json_array(p + 1);
    if (*p == '"')
        return json_string(p, &ignored);
    if (strncmp(p, "true", 4) == 0)
        return p + 4;
    if (*p == '0')
        return p + 1;
    if (*p < '1' || *p > '9')
        return NULL; /* no null, no false, no fraction is ever written */
    while (*p >= '0' && *p <= '9')
        p++;
    return p;
}

static int canonical(const char *text)
{
    const char *end = json_value(text);

    return end != NULL && *end == 0;
}

/* Is the reader as strict as it should be? */
static void test_reader(void)
{
    static const char *const good[] = {
        "{}", "[]", "{\"a\":[1,0,true],\"b\":{}}", "\"\\n\\u0000\\u001f\"",
        "{\"\":1,\"B\":1,\"a\":1}", "\"\xC3\xA9\xF0\x90\x80\x80\"",
        "{\"\xF0\x90\x80\x80\":1,\"\xEE\x80\x80\":1}"
    };
    static const char *const bad[] = {
        "", "{} ", " {}", "{\"b\":1,\"a\":1}", "{\"a\":1,\"a\":1}", "[1, 2]",
        "{\"a\": 1}", "01", "1.5", "-1", "1e3", "null", "\"\\u000a\"",
        "\"\\u001F\"", "\"\\/\"", "\"\\u0041\"", "\"\n\"", "\"\xFF\"",
        "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"a", "{\"a\":1", "[1",
        "{\"\xEE\x80\x80\":1,\"\xF0\x90\x80\x80\":1}", "[1,]"
    };
    size_t i;

    for (i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK(canonical(good[i]));
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!canonical(bad[i]));
}

/* ---- an archive with all kinds of documents ---- */

#define RAW "{ \"schemaVersion\": 2,\n\t\"layers\": [] }\n"

static const ocitar_pair notes[2][3] = {
    { { "k.b", "2", 0, 0 }, { "k.a", "1\n\x01", 0, 0 },
      { "\xEE\x80\x80", "e", 0, 0 } },
    { { "\xEE\x80\x80", "e", 0, 0 }, { "k.a", "1\n\x01", 0, 0 },
      { "k.b", "2", 0, 0 } }
};

/* `turn`: the caller's pairs and sets in one order or in the other. */
static void full_image(fixture *f, int turn)
{
    static const char *const ports[2][2] = { { "80", "53/udp" },
                                             { "53/udp", "80" } };
    static const char *const volumes[2][2] = { { "/b", "/a" },
                                               { "/a", "/b" } };
    static const char *const env[] = { "B=1", "A=" };
    static const char *const more[] = { "y:2" };
    static const ocitar_history history[] = {
        { "RUN", "why", "who", { 1, 500000000, 1 }, 0 },
        { NULL, NULL, NULL, { 0, 0, 0 }, 1 }
    };
    ocitar_image_desc d = image_desc("x:1");
    ocitar_descriptor layer;

    d.more_references = more;
    d.more_reference_count = 1;
    d.author = "Jo\xC3\xABl";
    d.env = env;
    d.env_count = 2;
    d.ports = ports[turn];
    d.port_count = 2;
    d.volumes = volumes[turn];
    d.volume_count = 2;
    d.labels = d.annotations = d.descriptor_annotations = notes[turn];
    d.label_count = d.annotation_count = d.descriptor_annotation_count = 3;
    d.history = history;
    d.history_count = 2;
    image_begin(f, &d);
    layer = put_blob(f, LAYER, "layer");
    layer.data = "layer";
    layer.annotations = notes[turn];
    layer.annotation_count = 3;
    CHECK_CODE(ocitar_image_layer(&f->image, &layer), OCITAR_OK);
    image_end(f);
}

static void full_archive(fixture *f, int turn)
{
    ocitar_nest_desc n = OCITAR_ZERO;
    ocitar_image_desc d = OCITAR_ZERO;
    ocitar_descriptor raw;

    start_with(f, 0, notes[turn], 3);
    full_image(f, turn);
    n.reference = "m:1";
    n.annotations = n.descriptor_annotations = notes[turn];
    n.annotation_count = n.descriptor_annotation_count = 3;
    CHECK_CODE(ocitar_index_nest(&f->index, &n), OCITAR_OK);
    d = image_desc(NULL);
    d.docker_types = 1;
    add_image(f, &d);
    CHECK_CODE(ocitar_index_unnest(&f->index), OCITAR_OK);
    d.docker_types = 0;
    d.artifact_type = "application/x.thing";
    d.subject = &f->pool[1];
    add_image(f, &d);
    raw = put_blob(f, MANIFEST, RAW);
    CHECK_CODE(ocitar_index_add(&f->index, &raw, NULL, 0), OCITAR_OK);
    finish(f);
}

/* Every document of an archive, by number; NULL behind the last. The one that
   came as it is, and the layers, are none of the library's. */
static const char *document(const fixture *f, int n)
{
    static char text[16384];
    bytes all;
    size_t at = 0;
    item it;

    all.data = f->out.data;
    all.len = f->out.len;
    while (tar_next(all, &at, &it)) {
        if (it.type != '0' || it.size == 0 ||
            (it.body[0] != '{' && it.body[0] != '[') || it.body[1] == ' ' ||
            n-- > 0)
            continue;
        CHECK(it.size < sizeof text);
        memcpy(text, it.body, it.size);
        text[it.size] = 0;
        return text;
    }
    return NULL;
}

/* Two images' documents, two of the artifact, a nested index, three files. */
enum { DOCUMENTS = 2 + 2 + 2 + 1 + 3 };

/* ---- layout ---- */

/* OCI image-layout, Content: the directory of the blobs is there, and that of
   each algorithm, before what is in it; also if there are no blobs. */
static void test_rule_1(void)
{
    static const char *const dirs[] = { "blobs/", "blobs/sha256/",
                                        "blobs/sha512/" };
    ocitar_image_desc d = image_desc("x:a");
    fixture f;
    bytes all;
    size_t at, i;
    item it;
    int full;

    for (full = 0; full < 2; full++) {
        start_with(&f, OCITAR_SHA512, NULL, 0);
        if (full)
            add_image(&f, &d);
        finish(&f);
        all.data = f.out.data;
        all.len = f.out.len;
        for (at = 0, i = 0; i < 3; i++) {
            CHECK(tar_next(all, &at, &it) && strcmp(it.name, dirs[i]) == 0);
            CHECK(it.type == '5' && it.mode == 0755 && it.size == 0);
        }
        while (tar_next(all, &at, &it))
            CHECK(it.type == '0');
        stop(&f);
    }
}

/* ---- descriptor ---- */

/* How many descriptors a document has, if each says its media type, with a
   type and a subtype, behind its digest; else -1. */
static int described(const char *text)
{
    const char *p = text, *type, *slash, *end;
    int n = 0;

    while ((p = strstr(p, "\"digest\":\"")) != NULL) {
        p = strchr(p + 10, '"');
        if (p == NULL || strncmp(p, "\",\"mediaType\":\"", 15) != 0)
            return -1;
        type = p + 15;
        end = strchr(type, '"');
        slash = strchr(type, '/');
        if (end == NULL || slash == NULL || slash <= type || slash > end - 2)
            return -1;
        n++;
    }
    return n;
}

/* OCI descriptor, Properties: no descriptor without a media type, and none
   that RFC 6838 would not have, wherever it comes from. */
static void test_rule_11(void)
{
    static const char *const bad[] = { "", "tar", "a/", "/b", "a/b/c", "a/ b",
                                       ".a/b", "a/b;q=1" };
    ocitar_descriptor layer;
    ocitar_layer_desc ld = OCITAR_ZERO;
    ocitar_image_desc d = image_desc(NULL);
    fixture f;
    size_t i;

    full_archive(&f, 0);
    CHECK(described(index_of(&f)) == 5); /* the image under both its names */
    CHECK(described(blob_of(&f.out, &f.pool[1].digest)) == 2);
    CHECK(described(blob_of(&f.out, &f.pool[2].digest)) == 1);
    CHECK(described(manifest_of(&f)) == 3);
    stop(&f);
    for (i = 0; i <= sizeof bad / sizeof bad[0]; i++) {
        start(&f);
        layer = put_blob(&f, i == 0 ? NULL : bad[i - 1], "layer");
        image_begin(&f, &d);
        CHECK_CODE(ocitar_image_layer(&f.image, &layer), OCITAR_E_ARG);
        CHECK_CODE(ocitar_image_abandon(&f.image), OCITAR_OK);
        if (i > 0) {
            ld.media_type = bad[i - 1];
            image_begin(&f, &d);
            CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &ld),
                       OCITAR_E_ARG);
            CHECK_CODE(ocitar_image_abandon(&f.image), OCITAR_OK);
        }
        CHECK_CODE(ocitar_index_add(&f.index, &layer, NULL, 0), OCITAR_E_ARG);
        stop_abandoned(&f);
    }
}

/* OCI descriptor, Embedded Content: only what was asked for and is small
   enough is carried; the manifest's digest is that of the bytes with it. */
static void test_rule_17(void)
{
    static char big[OCITAR_DATA_MAX + 2];
    ocitar_image_desc d = image_desc(NULL);
    ocitar_descriptor layer;
    const char *manifest;
    fixture f;
    size_t size;

    memset(big, 'x', sizeof big - 1);
    for (size = OCITAR_DATA_MAX; size <= OCITAR_DATA_MAX + 1; size++) {
        big[size] = 0;
        start(&f);
        layer = put_blob(&f, LAYER, big);
        layer.data = big;
        big[size] = 'x';
        image_begin(&f, &d);
        CHECK_CODE(ocitar_image_layer(&f.image, &layer),
                   size <= OCITAR_DATA_MAX ? OCITAR_OK : OCITAR_E_LIMIT);
        if (size > OCITAR_DATA_MAX) {
            stop_abandoned(&f);
            break;
        }
        image_end(&f);
        finish(&f);
        manifest = manifest_of(&f);
        CHECK_HAS(manifest, "{\"data\":\"eHh4eHh4");
        CHECK_HAS(index_of(&f), digest_text(manifest));
        CHECK(strlen(manifest) < 2 * OCITAR_DATA_MAX);
        stop(&f);
    }
    start(&f);
    image_begin(&f, &d);
    add_layer(&f, "small");
    image_end(&f);
    finish(&f);
    CHECK(strstr(manifest_of(&f), "\"data\"") == NULL);
    CHECK(strstr(index_of(&f), "\"data\"") == NULL);
    stop(&f);
}

/* OCI descriptor, Properties: index.json says for which platform an image is,
   and so does a nested index. */
static void test_rule_19(void)
{
    static const char *const features[] = { "f" };
    ocitar_image_desc d = image_desc(NULL);
    fixture f;

    d.platform.os = "plan9";
    d.platform.variant = "v8";
    d.platform.os_version = "1.2";
    d.platform.os_features = features;
    d.platform.os_feature_count = 1;
    start(&f);
    add_image(&f, &d);
    CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_OK);
    d = image_desc(NULL);
    add_image(&f, &d);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_OK);
    finish(&f);
    CHECK_HAS(index_of(&f),
              "\"platform\":{\"architecture\":\"arm64\",\"os\":\"plan9\","
              "\"os.features\":[\"f\"],\"os.version\":\"1.2\","
              "\"variant\":\"v8\"}");
    CHECK_HAS(blob_of(&f.out, &f.pool[1].digest),
              "\"platform\":{\"architecture\":\"arm64\",\"os\":\"linux\"}");
    stop(&f);
}

/* ---- json ---- */

/* The three maps of an image. */
static void put_pairs(ocitar_image_desc *d, int place,
                      const ocitar_pair *pairs, size_t count)
{
    if (place == 0) {
        d->labels = pairs;
        d->label_count = count;
    } else if (place == 1) {
        d->annotations = pairs;
        d->annotation_count = count;
    } else {
        d->descriptor_annotations = pairs;
        d->descriptor_annotation_count = count;
    }
}

/* OCI considerations, JSON: what is not UTF-8 is refused, what is goes out
   as it is, and what JSON cannot hold plainly is escaped. */
static void test_rule_25(void)
{
    static const char *const bad[] = { "\xFF", "\xC0\x80", "\xED\xA0\x80",
                                       "\xE2\x82", "\xF4\x90\x80\x80" };
    ocitar_pair p = OCITAR_ZERO;
    ocitar_image_desc d;
    fixture f;
    size_t i;
    int place;

    for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
        for (place = 0; place < 7; place++) {
            d = image_desc(NULL);
            p.key = place & 1 ? bad[i] : "k";
            p.value = place & 1 ? "v" : bad[i];
            if (place < 6)
                put_pairs(&d, place / 2, &p, 1);
            else
                d.author = bad[i];
            CHECK_CODE(image_code(&d), OCITAR_E_UTF8);
        }
    d = image_desc(NULL);
    d.author = "\xC3\xA9\xF0\x9F\x90\x8B \"\\\x01\n";
    image_archive(&f, &d);
    CHECK_HAS(config_of(&f), "\"author\":\"\xC3\xA9\xF0\x9F\x90\x8B "
                             "\\\"\\\\\\u0001\\n\"");
    CHECK(canonical(config_of(&f)));
    stop(&f);
}

/* OCI considerations, JSON: a name that stands twice in one object is
   refused, wherever the caller can give one. */
static void test_rule_26(void)
{
    static const ocitar_pair twice[] = { { "k", "1", 0, 0 },
                                         { "l", "1", 0, 0 },
                                         { "k", "2", 0, 0 } };
    static const char *const strings[] = { "80", "80" };
    ocitar_nest_desc n = OCITAR_ZERO;
    ocitar_image_desc d;
    ocitar_descriptor layer;
    fixture f;
    int place;

    for (place = 0; place < 5; place++) {
        d = image_desc(NULL);
        if (place < 3)
            put_pairs(&d, place, twice, 3);
        d.ports = d.volumes = strings;
        d.port_count = place == 3 ? 2 : 0;
        d.volume_count = place == 4 ? 2 : 0;
        CHECK_CODE(image_code(&d), OCITAR_E_DUPLICATE);
    }
    start(&f);
    d = image_desc(NULL);
    image_begin(&f, &d);
    layer = put_blob(&f, LAYER, "layer");
    layer.annotations = twice;
    layer.annotation_count = 3;
    CHECK_CODE(ocitar_image_layer(&f.image, &layer), OCITAR_OK);
    CHECK_CODE(ocitar_image_end(&f.image), OCITAR_E_DUPLICATE);
    stop_abandoned(&f);
    start_with(&f, 0, twice, 3);
    CHECK_CODE(ocitar_index_end(&f.index), OCITAR_E_DUPLICATE);
    stop_abandoned(&f);
    n.annotations = twice;
    n.annotation_count = 3;
    start(&f);
    CHECK_CODE(ocitar_index_nest(&f.index, &n), OCITAR_OK);
    CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_E_DUPLICATE);
    stop_abandoned(&f);
}

/* OCI considerations, Canonicalization: every document is canonical, and one
   and the same whatever the order of pairs and of sets that it was given. */
static void test_rule_28(void)
{
    fixture f, other;
    const char *text;
    int n;

    full_archive(&f, 0);
    for (n = 0; (text = document(&f, n)) != NULL; n++)
        CHECK(canonical(text));
    CHECK(n == DOCUMENTS);
    full_archive(&other, 1);
    CHECK(f.out.len == other.out.len &&
          memcmp(f.out.data, other.out.data, f.out.len) == 0);
    stop(&other);
    stop(&f);
}

/* OCI considerations, Extensibility: what comes as it is stays so, byte for
   byte: a manifest, an index, a config, a layer. */
static void test_rule_29(void)
{
    static const char config[] = "{ \"os\": \"x\", \"new\": 1.50 }\n";
    static const char index[] = "{\"manifests\" : null}";
    ocitar_image_desc d = image_desc(NULL);
    ocitar_layer_desc ld = OCITAR_ZERO;
    ocitar_descriptor m, i;
    fixture f;

    start(&f);
    m = put_blob(&f, MANIFEST, RAW);
    i = put_blob(&f, INDEX, index);
    CHECK_CODE(ocitar_index_add(&f.index, &m, NULL, 0), OCITAR_OK);
    CHECK_CODE(ocitar_index_add(&f.index, &i, NULL, 0), OCITAR_OK);
    d.config = config;
    d.config_len = sizeof config - 1;
    ld.raw = OCITAR_RAW_BLOB;
    ld.wait.spool = &f.spool;
    image_begin(&f, &d);
    CHECK_CODE(ocitar_layer_begin(&f.layer, &f.image, &ld), OCITAR_OK);
    CHECK_CODE(ocitar_layer_write(&f.layer, "no tar", 6), OCITAR_OK);
    CHECK_CODE(ocitar_layer_end(&f.layer), OCITAR_OK);
    image_end(&f);
    finish(&f);
    CHECK_TEXT(blob_of(&f.out, &m.digest), RAW);
    CHECK_TEXT(blob_of(&f.out, &i.digest), index);
    CHECK_TEXT(config_of(&f), config);
    CHECK_TEXT(blob_of(&f.out, &f.pool[2].digest), "no tar");
    CHECK_HAS(index_of(&f), digest_text(RAW));
    CHECK_HAS(index_of(&f), digest_text(index));
    CHECK_HAS(manifest_of(&f), digest_text(config));
    stop(&f);
}

/* ---- manifest ---- */

/* OCI manifest, Properties: a manifest says that it is one, and cannot be
   taken for an index, nor an index for a manifest. */
static void test_rule_32(void)
{
    ocitar_image_desc d = image_desc("x:a");
    const char *manifest;
    fixture f;
    int artifact;

    for (artifact = 0; artifact < 2; artifact++) {
        d.artifact_type = artifact ? "application/x" : NULL;
        image_archive(&f, &d);
        manifest = manifest_of(&f);
        CHECK_HAS(manifest, "],\"mediaType\":\"" MANIFEST
                            "\",\"schemaVersion\":2}");
        CHECK(strstr(manifest, "\"manifests\"") == NULL);
        CHECK(strstr(index_of(&f), "\"layers\"") == NULL);
        CHECK(strstr(index_of(&f), "\"config\"") == NULL);
        CHECK_HAS(index_of(&f), "],\"mediaType\":\"" INDEX
                                "\",\"schemaVersion\":2}");
        stop(&f);
    }
}

/* OCI manifest, Properties: the layers stand as they were added, the base
   first, and so do their diffIDs in the config. */
static void test_rule_35(void)
{
    static const char *const texts[] = { "z", "a", "m" };
    ocitar_image_desc d = image_desc(NULL);
    const char *all[3];
    fixture f;
    int i;

    start(&f);
    image_begin(&f, &d);
    for (i = 0; i < 3; i++)
        add_layer(&f, texts[i]);
    image_end(&f);
    finish(&f);
    all[0] = manifest_of(&f);
    all[1] = config_of(&f);
    for (i = 0; i < 2; i++) {
        CHECK(before(all[i], digest_text("z"), digest_text("a")));
        CHECK(before(all[i], digest_text("a"), digest_text("m")));
    }
    all[2] = text_of(&f.out, "manifest.json");
    CHECK(before(all[2], digest_text("z") + 7, digest_text("a") + 7));
    CHECK(before(all[2], digest_text("a") + 7, digest_text("m") + 7));
    stop(&f);
}

/* OCI manifest, Properties: with the empty config goes an artifact type, and
   it is one by RFC 6838. */
static void test_rule_37(void)
{
    ocitar_image_desc d = OCITAR_ZERO;
    fixture f;

    d.artifact_type = "application/x.thing";
    image_archive(&f, &d);
    CHECK_HAS(manifest_of(&f), "\"config\":{\"data\":\"e30=\",\"digest\":\""
                               EMPTY "\",\"mediaType\":\"" EMPTY_TYPE "\"");
    CHECK_HAS(manifest_of(&f), "{\"artifactType\":\"application/x.thing\",");
    stop(&f);
    d.artifact_type = "";
    CHECK_CODE(image_code(&d), OCITAR_E_ARG);
    d.artifact_type = "thing";
    CHECK_CODE(image_code(&d), OCITAR_E_ARG);
/* not without an artifact type, if the config is the caller's */
    d = image_desc(NULL);
    d.config = "{}";
    d.config_len = 2;
    d.config_media_type = EMPTY_TYPE;
    CHECK_CODE(image_code(&d), OCITAR_E_ARG);
}

/* OCI manifest, Guidance for an Empty Descriptor: it is what the document
   says, and its blob is in the layout, once for all artifacts. */
static void test_rule_40(void)
{
    ocitar_image_desc d = OCITAR_ZERO;
    ocitar_digest empty;
    fixture f;

    CHECK_CODE(ocitar_digest_parse(&empty, EMPTY, 0), OCITAR_OK);
    d.artifact_type = "application/x.thing";
    start(&f);
    add_image(&f, &d);
    d.artifact_type = "application/x.other";
    add_image(&f, &d);
    finish(&f);
    CHECK_TEXT(blob_of(&f.out, &empty), "{}"); /* there once */
    CHECK_HAS(manifest_of(&f),
              "\"config\":{\"data\":\"e30=\",\"digest\":\"" EMPTY
              "\",\"mediaType\":\"" EMPTY_TYPE "\",\"size\":2},\"layers\":["
              "{\"data\":\"e30=\",\"digest\":\"" EMPTY "\",\"mediaType\":\""
              EMPTY_TYPE "\",\"size\":2}]");
    stop(&f);
/* nor over other bytes than "{}" */
    d.config = "{ }";
    d.config_len = 3;
    d.config_media_type = EMPTY_TYPE;
    CHECK_CODE(image_code(&d), OCITAR_E_ARG);
}

/* OCI manifest, Properties: the subject is a descriptor, whose target may be
   absent; who refers to it stands in index.json, with its type. */
static void test_rule_41(void)
{
    ocitar_image_desc d = OCITAR_ZERO;
    ocitar_descriptor subject = OCITAR_ZERO;
    char want[512];
    fixture f;

    subject.media_type = MANIFEST;
    subject.size = 9;
    CHECK_CODE(ocitar_digest_of(&subject.digest, OCITAR_SHA256, "elsewhere",
                                9), OCITAR_OK);
    d.artifact_type = "application/x.thing";
    d.subject = &subject;
    image_archive(&f, &d);
    snprintf(want, sizeof want,
             ",\"subject\":{\"digest\":\"%s\",\"mediaType\":\"" MANIFEST
             "\",\"size\":9}}", digest_text("elsewhere"));
    CHECK_HAS(manifest_of(&f), want);
    snprintf(want, sizeof want,
             "{\"artifactType\":\"application/x.thing\",\"digest\":\"%s\"",
             digest_text(manifest_of(&f)));
    CHECK_HAS(index_of(&f), want);
    CHECK_TEXT(blob_of(&f.out, &subject.digest), "");
    stop(&f);
}

/* ---- index ---- */

/* OCI index, Properties: the list of manifests is there, if empty as a list:
   in index.json and in a nested index. */
static void test_rule_43(void)
{
    fixture f;
    int nested;

    for (nested = 0; nested < 2; nested++) {
        start(&f);
        if (nested) {
            CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_OK);
            CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_OK);
        }
        finish(&f);
        CHECK_TEXT(nested ? blob_of(&f.out, &f.pool[0].digest) : index_of(&f),
                   "{\"manifests\":[],\"mediaType\":\"" INDEX
                   "\",\"schemaVersion\":2}");
        stop(&f);
    }
}

/* OCI index, Properties: a platform has an architecture and a system, by Go's
   names, and the variant of ARM. */
static void test_rule_45(void)
{
    static const char *const machines[][2] = {
        { "x86_64", "{\"architecture\":\"amd64\",\"os\":\"linux\"}" },
        { "i686", "{\"architecture\":\"386\",\"os\":\"linux\"}" },
        { "aarch64", "{\"architecture\":\"arm64\",\"os\":\"linux\"}" },
        { "armv6l",
          "{\"architecture\":\"arm\",\"os\":\"linux\",\"variant\":\"v6\"}" },
        { "armv7l",
          "{\"architecture\":\"arm\",\"os\":\"linux\",\"variant\":\"v7\"}" },
        { "riscv64", "{\"architecture\":\"riscv64\",\"os\":\"linux\"}" },
        { "loongarch64", "{\"architecture\":\"loong64\",\"os\":\"linux\"}" }
    };
    ocitar_image_desc d = OCITAR_ZERO;
    ocitar_platform p = OCITAR_ZERO;
    fixture f;
    size_t i;

    image_archive(&f, &d); /* nothing was said */
    CHECK_HAS(index_of(&f), "\"platform\":{\"architecture\":\"");
    CHECK_HAS(index_of(&f), "\",\"os\":\"linux\"}");
    CHECK_HAS(config_of(&f), "{\"architecture\":\"");
    stop(&f);
    for (i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        CHECK_CODE(ocitar_platform_uname(&d.platform, machines[i][0]),
                   OCITAR_OK);
        image_archive(&f, &d);
        CHECK_HAS(index_of(&f), machines[i][1]);
        stop(&f);
    }
    CHECK_CODE(ocitar_platform_uname(&p, "pdp11"), OCITAR_E_UNSUPPORTED);
/* an added manifest's system is linux, too, and none without a machine */
    {
        ocitar_descriptor m;

        start(&f);
        m = put_blob(&f, MANIFEST, RAW);
        m.platform.architecture = "arm64";
        CHECK_CODE(ocitar_index_add(&f.index, &m, NULL, 0), OCITAR_OK);
        finish(&f);
        CHECK_HAS(index_of(&f), "{\"architecture\":\"arm64\","
                                "\"os\":\"linux\"}");
        stop(&f);
        start(&f);
        m = put_blob(&f, MANIFEST, RAW);
        m.platform.os = "plan9";
        CHECK_CODE(ocitar_index_add(&f.index, &m, NULL, 0), OCITAR_E_ARG);
        stop_abandoned(&f);
    }
}

/* OCI index, Properties: who reads takes the first that fits, so the order of
   the images is the caller's. */
static void test_rule_46(void)
{
    static const char *const order[] = { "z:1", "a:1", "m:1" };
    ocitar_image_desc d;
    fixture f;
    int i, nested;

    for (nested = 0; nested < 2; nested++) {
        start(&f);
        if (nested)
            CHECK_CODE(ocitar_index_nest(&f.index, NULL), OCITAR_OK);
        for (i = 0; i < 3; i++) {
            d = image_desc(order[i]);
            add_image(&f, &d);
        }
        if (nested)
            CHECK_CODE(ocitar_index_unnest(&f.index), OCITAR_OK);
        finish(&f);
        for (i = 0; i < 2; i++)
            CHECK(before(nested ? blob_of(&f.out, &f.pool[0].digest)
                                : index_of(&f), order[i], order[i + 1]));
        stop(&f);
    }
}

/* ---- config ---- */

/* OCI config, Properties: times are RFC 3339, of image and of history, and
   what it cannot say is refused. */
static void test_rule_50(void)
{
    static const struct {
        int64_t seconds;
        uint32_t nanoseconds;
        const char *text;
    } times[] = {
        { 0, 0, "1970-01-01T00:00:00Z" },
        { 1700000000, 0, "2023-11-14T22:13:20Z" },
        { 951782399, 120000000, "2000-02-28T23:59:59.12Z" },
        { -1, 0, "1969-12-31T23:59:59Z" },
        { 253402300799, 1, "9999-12-31T23:59:59.000000001Z" },
        { 253402300800, 0, NULL },
        { -62167219201, 0, NULL },
        { 0, 1000000000, NULL }
    };
    ocitar_history h = OCITAR_ZERO;
    ocitar_image_desc d;
    char want[128];
    fixture f;
    size_t i;

    for (i = 0; i < sizeof times / sizeof times[0]; i++) {
        d = image_desc(NULL);
        d.created.set = 1;
        d.created.seconds = times[i].seconds;
        d.created.nanoseconds = times[i].nanoseconds;
        h.created = d.created;
        d.history = &h;
        d.history_count = 1;
        if (times[i].text == NULL) {
            CHECK_CODE(image_code(&d), OCITAR_E_RANGE);
            d.created.set = 0; /* that of the history alone */
            CHECK_CODE(image_code(&d), OCITAR_E_RANGE);
            continue;
        }
        image_archive(&f, &d);
        snprintf(want, sizeof want,
                 "\"created\":\"%s\",\"history\":[{\"created\":\"%s\"}]",
                 times[i].text, times[i].text);
        CHECK_HAS(config_of(&f), want);
        stop(&f);
    }
    d = image_desc(NULL);
    image_archive(&f, &d); /* no clock is read */
    CHECK(strstr(config_of(&f), "\"created\"") == NULL);
    stop(&f);
}

/* OCI config, Properties: environment, ports, volumes and labels have the form
   that they should have, and nothing reserved or deprecated is written. */
static void test_rule_52(void)
{
    static const char *const env[] = { "A=b", "EMPTY=", "C=d=e" };
    static const char *const bad_env[] = { "A", "=b", "" };
    static const char *const ports[] = { "80", "53/udp", "22/tcp" };
    static const char *const bad_ports[] = { "0", "65536", "80/", "80/icmp",
                                             "x" };
    static const char *const volumes[] = { "/v", "/a" };
    static const ocitar_pair labels[] = { { "b", "", 0, 0 },
                                          { "a", "x", 0, 0 } };
    static const char *const reserved[] = { "ArgsEscaped", "Memory",
                                            "MemorySwap", "CpuShares",
                                            "Healthcheck" };
    ocitar_image_desc d = image_desc(NULL);
    fixture f;
    size_t i;

    d.env = env;
    d.env_count = 3;
    d.ports = ports;
    d.port_count = 3;
    d.volumes = volumes;
    d.volume_count = 2;
    d.labels = labels;
    d.label_count = 2;
    image_archive(&f, &d);
    CHECK_HAS(config_of(&f),
              "\"config\":{\"Env\":[\"A=b\",\"EMPTY=\",\"C=d=e\"],"
              "\"ExposedPorts\":{\"22/tcp\":{},\"53/udp\":{},\"80\":{}},"
              "\"Labels\":{\"a\":\"x\",\"b\":\"\"},"
              "\"Volumes\":{\"/a\":{},\"/v\":{}}}");
    for (i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        CHECK(strstr(config_of(&f), reserved[i]) == NULL);
    stop(&f);
    for (i = 0; i < sizeof bad_env / sizeof bad_env[0]; i++) {
        d = image_desc(NULL);
        d.env = bad_env + i;
        d.env_count = 1;
        CHECK_CODE(image_code(&d), OCITAR_E_ARG);
    }
    for (i = 0; i < sizeof bad_ports / sizeof bad_ports[0]; i++) {
        d = image_desc(NULL);
        d.ports = bad_ports + i;
        d.port_count = 1;
        CHECK_CODE(image_code(&d), OCITAR_E_ARG);
    }
}

/* OCI config, Layer ChainID and ImageID: both can be had. The value is of
   `printf 'sha256:<z> sha256:<a>' | sha256sum`. */
static void test_rule_54(void)
{
    ocitar_image_desc d = image_desc(NULL);
    char pair[2 * OCITAR_DIGEST_TEXT_MAX];
    ocitar_digest chain;
    char text[OCITAR_DIGEST_TEXT_MAX];
    fixture f;

    start(&f);
    image_begin(&f, &d);
    add_layer(&f, "z");
    CHECK_CODE(ocitar_image_chain_id(&f.image, &chain), OCITAR_OK);
    ocitar_digest_format(&chain, text);
    CHECK_TEXT(text, digest_text("z"));
    add_layer(&f, "a");
    image_end(&f);
    CHECK_CODE(ocitar_image_chain_id(&f.image, &chain), OCITAR_OK);
    ocitar_digest_format(&chain, text);
    snprintf(pair, sizeof pair, "%s %s", digest_text("z"), digest_text("a"));
    CHECK_TEXT(text, digest_text(pair));
    CHECK_TEXT(text, CHAIN_ZA);
    finish(&f);
    ocitar_digest_format(&ocitar_image_descriptor(&f.image)->diff_id, text);
    CHECK_TEXT(text, digest_text(config_of(&f))); /* the ImageID */
    stop(&f);
}

/* ---- layer ---- */

static void layer_begin(fixture *f)
{
    ocitar_image_desc d = image_desc(NULL);
    ocitar_layer_desc ld = OCITAR_ZERO;

    start(f);
    ld.wait.spool = &f->spool;
    ld.paths = f->paths;
    ld.path_count = 32;
    image_begin(f, &d);
    CHECK_CODE(ocitar_layer_begin(&f->layer, &f->image, &ld), OCITAR_OK);
}

/* Ends all; the layer's bytes, which the archive holds. */
static bytes layer_end(fixture *f)
{
    bytes all, found = { NULL, 0 };
    size_t at = 0;
    item it;

    CHECK_CODE(ocitar_layer_end(&f->layer), OCITAR_OK);
    image_end(f);
    finish(f);
    all.data = f->out.data;
    all.len = f->out.len;
    while (tar_next(all, &at, &it))
        if (strcmp(it.name, path_of(&f->pool[0].digest)) == 0) {
            found.data = it.body;
            found.len = it.size;
        }
    CHECK(found.len > 0);
    return found;
}

/* The layer failed, and is given up with its image. */
static void layer_stop(fixture *f, int code)
{
    CHECK_CODE(ocitar_layer_end(&f->layer), code);
    CHECK_CODE(ocitar_image_abandon(&f->image), OCITAR_OK);
    stop_abandoned(f);
}

/* OCI layer, Distributable Format: a layer is a whole tar, in which no path
   stands twice, however it is spelt. */
static void test_rule_55(void)
{
    static const char *const again[] = { "d/f", "./d/f", "d//f", "d/./f" };
    fixture f;
    size_t i;

    layer_begin(&f);
    CHECK_CODE(ocitar_layer_dir(&f.layer, "d/", 0755), OCITAR_OK);
    CHECK_CODE(ocitar_layer_file(&f.layer, "d/f", 0644, "x", 1), OCITAR_OK);
    CHECK(tar_count(layer_end(&f)) == 2);
    stop(&f);
    for (i = 0; i < sizeof again / sizeof again[0]; i++) {
        layer_begin(&f);
        CHECK_CODE(ocitar_layer_file(&f.layer, "d/f", 0644, "x", 1),
                   OCITAR_OK);
        CHECK_CODE(ocitar_layer_file(&f.layer, again[i], 0644, "x", 1),
                   OCITAR_E_DUPLICATE);
        layer_stop(&f, OCITAR_E_DUPLICATE);
    }
    /* no sparse files */
    {
        ocitar_entry e = OCITAR_ZERO;

        layer_begin(&f);
        e.name = "sparse";
        e.typeflag = 'S';
        CHECK_CODE(ocitar_layer_entry(&f.layer, &e), OCITAR_E_ARG);
        layer_stop(&f, OCITAR_E_ARG);
    }
}

/* OCI layer, File Attributes: all of them are kept; a hard link is one, to
   what the layer has. */
static void test_rule_56(void)
{
    static const ocitar_pair xattr[] = { { "SCHILY.xattr.user.x", "v", 0,
                                           0 } };
    ocitar_entry e = OCITAR_ZERO;
    fixture f;
    bytes tar;
    size_t at = 0;
    item it;

    layer_begin(&f);
    e.name = "f";
    e.mode = 04751;
    e.uid = 1000;
    e.gid = 2000;
    e.mtime.set = 1;
    e.mtime.seconds = 1700000000;
    CHECK_CODE(ocitar_layer_entry(&f.layer, &e), OCITAR_OK);
    CHECK_CODE(ocitar_layer_link(&f.layer, "h", "f"), OCITAR_OK);
    CHECK_CODE(ocitar_layer_symlink(&f.layer, "s", "../anywhere"), OCITAR_OK);
    e.name = "x";
    e.pax = xattr;
    e.pax_count = 1;
    CHECK_CODE(ocitar_layer_entry(&f.layer, &e), OCITAR_OK);
    tar = layer_end(&f);
    CHECK(tar_next(tar, &at, &it) && it.type == '0' && it.mode == 04751);
    CHECK(it.uid == 1000 && it.gid == 2000 && it.mtime == 1700000000);
    CHECK(tar_next(tar, &at, &it) && it.type == '1');
    CHECK(strcmp(it.link, "f") == 0 && it.size == 0);
    CHECK(tar_next(tar, &at, &it) && it.type == '2');
    CHECK(strcmp(it.link, "../anywhere") == 0);
    CHECK(tar_next(tar, &at, &it) && it.type == 'x');
    CHECK(memcmp(it.body, "25 SCHILY.xattr.user.x=v\n", 25) == 0);
    CHECK(tar_next(tar, &at, &it) && it.type == '0' && it.mode == 04751 &&
          it.uid == 1000 && strcmp(it.name, "x") == 0);
    stop(&f);
    layer_begin(&f);
    CHECK_CODE(ocitar_layer_link(&f.layer, "h", "nothing"), OCITAR_E_LINK);
    layer_stop(&f, OCITAR_E_LINK);
    layer_begin(&f);
    CHECK_CODE(ocitar_layer_link(&f.layer, "h", "../f"), OCITAR_E_NAME);
    layer_stop(&f, OCITAR_E_NAME);
}

/* OCI layer, Whiteouts: an empty file with the prefix, for a name; nothing
   else may have the prefix, and none hides nothing. */
static void test_rule_57(void)
{
    static const char *const names[] = { ".wh.", ".wh.f", "d/.wh.f", ".wh..",
                                         "./.wh.f", ".wh.f/", ".wh..wh..opq" };
    static const char *const nothing[] = { "", ".", "/", "d/.wh.f", ".wh.f" };
    fixture f;
    bytes tar;
    size_t at = 0, i;
    item it;

    layer_begin(&f);
    CHECK_CODE(ocitar_layer_whiteout(&f.layer, "d/gone"), OCITAR_OK);
    CHECK_CODE(ocitar_layer_whiteout(&f.layer, "dir/"), OCITAR_OK);
    tar = layer_end(&f);
    CHECK(tar_next(tar, &at, &it) && strcmp(it.name, "d/.wh.gone") == 0);
    CHECK(it.type == '0' && it.size == 0);
    CHECK(tar_next(tar, &at, &it) && strcmp(it.name, ".wh.dir") == 0);
    CHECK(it.type == '0' && it.size == 0);
    stop(&f);
    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        layer_begin(&f);
        CHECK_CODE(i & 1 ? ocitar_layer_dir(&f.layer, names[i], 0755)
                         : ocitar_layer_file(&f.layer, names[i], 0644, "", 0),
                   OCITAR_E_WHITEOUT);
        layer_stop(&f, OCITAR_E_WHITEOUT);
    }
    for (i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        layer_begin(&f);
        CHECK_CODE(ocitar_layer_whiteout(&f.layer, nothing[i]),
                   OCITAR_E_WHITEOUT);
        layer_stop(&f, OCITAR_E_WHITEOUT);
    }
/* in any part of a name */
    layer_begin(&f);
    CHECK_CODE(ocitar_layer_file(&f.layer, ".wh.d/f", 0644, "", 0),
               OCITAR_E_WHITEOUT);
    layer_stop(&f, OCITAR_E_WHITEOUT);
}

/* OCI layer, Whiteouts: they stand where the caller put them, which is before
   the entries beside them; an opaque one is to be had, too. */
static void test_rule_58(void)
{
    static const char *const names[] = { "d/", "d/.wh..wh..opq", "d/.wh.old",
                                         "d/new", ".wh..wh..opq", "top" };
    fixture f;
    bytes tar;
    size_t at = 0, i;
    item it;

    layer_begin(&f);
    CHECK_CODE(ocitar_layer_dir(&f.layer, "d/", 0755), OCITAR_OK);
    CHECK_CODE(ocitar_layer_opaque(&f.layer, "d"), OCITAR_OK);
    CHECK_CODE(ocitar_layer_whiteout(&f.layer, "d/old"), OCITAR_OK);
    CHECK_CODE(ocitar_layer_file(&f.layer, "d/new", 0644, "", 0), OCITAR_OK);
    CHECK_CODE(ocitar_layer_opaque(&f.layer, ""), OCITAR_OK);
    CHECK_CODE(ocitar_layer_file(&f.layer, "top", 0644, "", 0), OCITAR_OK);
    tar = layer_end(&f);
    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        CHECK(tar_next(tar, &at, &it) && strcmp(it.name, names[i]) == 0);
        CHECK(it.size == 0 && it.type == (i == 0 ? '5' : '0'));
    }
    stop(&f);
}

/* ---- annotations ---- */

/* OCI annotations, Rules: strings to strings, perhaps empty ones, no key
   twice, nothing at all where there are none; what the library writes itself
   is the name, in the grammar of names. */
static void test_rule_60(void)
{
    static const ocitar_pair pairs[] = { { "com.example.b", "", 0, 0 },
                                         { "com.example.a", NULL, 0, 0 } };
    static const ocitar_pair own[] = {
        { "org.opencontainers.image.ref.name", "mine", 0, 0 }
    };
    ocitar_image_desc d = image_desc(NULL);
    const char *p;
    fixture f;
    int n;

    image_archive(&f, &d);
    for (n = 0; (p = document(&f, n)) != NULL; n++)
        CHECK(strstr(p, "annotations") == NULL && strstr(p, "null") == NULL);
    CHECK(n == 5);
    stop(&f);
    d = image_desc("localhost:5000/a/b:v1.2-rc_3");
    d.annotations = d.descriptor_annotations = pairs;
    d.annotation_count = d.descriptor_annotation_count = 2;
    image_archive(&f, &d);
    CHECK_HAS(manifest_of(&f), "{\"annotations\":{\"com.example.a\":\"\","
                               "\"com.example.b\":\"\"},");
    CHECK_HAS(index_of(&f),
              "\"annotations\":{\"com.example.a\":\"\","
              "\"com.example.b\":\"\",\"io.containerd.image.name\":"
              "\"localhost:5000/a/b:v1.2-rc_3\","
              "\"org.opencontainers.image.ref.name\":\"v1.2-rc_3\"}");
    p = strstr(index_of(&f), "org.opencontainers.");
    CHECK(p != NULL && strstr(p + 1, "org.opencontainers.") == NULL);
    CHECK(strstr(manifest_of(&f), "org.opencontainers.") == NULL);
    stop(&f);
    d = image_desc("x:a");
    d.descriptor_annotations = own;
    d.descriptor_annotation_count = 1;
    CHECK_CODE(image_code(&d), OCITAR_E_DUPLICATE);
}

int main(void)
{
    test_reader();
    test_rule_1();
    test_rule_11();
    test_rule_17();
    test_rule_19();
    test_rule_25();
    test_rule_26();
    test_rule_28();
    test_rule_29();
    test_rule_32();
    test_rule_35();
    test_rule_37();
    test_rule_40();
    test_rule_41();
    test_rule_43();
    test_rule_45();
    test_rule_46();
    test_rule_50();
    test_rule_52();
    test_rule_54();
    test_rule_55();
    test_rule_56();
    test_rule_57();
    test_rule_58();
    test_rule_60();
    return check_done();
}
