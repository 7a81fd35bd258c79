/* instructions WORKLOAD - one piece of work, in the function `work`, for
   tests/instructions.sh to have its instructions counted. What it needs is
   made ready before. Exit 1 if it fails. `instructions list` names them. */

#define OCITAR_IMPLEMENTATION
#include "ocitar.h"
#include <string.h>

enum { MIB = 1 << 20, COUNT = 1000 };

static unsigned char input[4 * MIB], output[65536];
static size_t input_len;

static void fail(const char *what)
{
    fprintf(stderr, "instructions: %s\n", what);
    exit(1);
}

static void must(int code)
{
    if (code != OCITAR_OK)
        fail(ocitar_error_name(code));
}

static int put_nowhere(void *user, const void *data, size_t len)
{
    (void)user;
    (void)data;
    (void)len;
    return 0;
}

static int put_input(void *user, const void *data, size_t len)
{
    (void)user;
    if (len > sizeof input - input_len)
        return 1;
    memcpy(input + input_len, data, len);
    input_len += len;
    return 0;
}

static void add(const char *text)
{
    must(put_input(NULL, text, strlen(text)));
}

static void begin(ocitar_archive *archive, ocitar_layout *layout,
                  int (*put_fn)(void *, const void *, size_t))
{
    ocitar_archive_desc desc = OCITAR_ZERO;

    desc.sink.put_fn = put_fn;
    desc.buffer = output;
    desc.buffer_size = sizeof output;
    must(ocitar_archive_begin(archive, &desc));
    must(ocitar_layout_begin(layout, archive, NULL));
    must(ocitar_layout_init(layout));
}

/* Numbered, so that no two are the same. */
static void put_blobs(ocitar_layout *layout)
{
    unsigned char data[100] = { 0 };
    uint32_t i;

    for (i = 0; i < COUNT; i++) {
        data[0] = (unsigned char)(i & 255);
        data[1] = (unsigned char)(i >> 8);
        must(ocitar_blob_put(layout, 0, data, sizeof data, NULL));
    }
}

/* ---- the workloads ------------------------------------------------------ */

static void hash_work(void)
{
    ocitar_digest digest;

    must(ocitar_digest_of(&digest, OCITAR_SHA256, input, MIB));
}

static void encode(const ocitar_entry *entry, size_t count)
{
    unsigned char block[512];
    ocitar_encoder encoder;
    size_t i;

    for (i = 0; i < count; i++) {
        must(ocitar_encoder_begin(&encoder, entry));
        while (ocitar_encoder_next(&encoder, block))
            ;
    }
}

static void headers_work(void)
{
    ocitar_entry entry = OCITAR_ZERO;

    entry.name = "usr/share/doc/a-package/copyright";
    entry.size = 1234567;
    entry.mode = 0644;
    entry.mtime.seconds = 1700000000;
    entry.mtime.set = 1;
    encode(&entry, COUNT);
}

/* A name too long for ustar, an attribute, and a time in full. */
static void pax_work(void)
{
    static const ocitar_pair attribute = { "SCHILY.xattr.user.checksum",
                                           "0123456789abcdef", 0, 0 };
    ocitar_entry entry = OCITAR_ZERO;
    char name[201];

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    entry.name = name;
    entry.size = 1234567;
    entry.mode = 0644;
    entry.format = OCITAR_FORMAT_PAX;
    entry.mtime.seconds = 1700000000;
    entry.mtime.nanoseconds = 123456789;
    entry.mtime.set = 1;
    entry.pax = &attribute;
    entry.pax_count = 1;
    encode(&entry, COUNT);
}

static void blobs_work(void)
{
    ocitar_archive archive;
    ocitar_layout layout;

    begin(&archive, &layout, put_nowhere);
    put_blobs(&layout);
    must(ocitar_archive_finish(&archive));
}

static void put_layer(ocitar_image *image, const char *body)
{
    static unsigned char waiting[65536];
    ocitar_layer_desc desc = OCITAR_ZERO;
    ocitar_spool spool;
    ocitar_layer layer;
    int i;

    desc.wait.spool = &spool;
    must(ocitar_spool_begin_buffer(&spool, waiting, sizeof waiting));
    must(ocitar_layer_begin(&layer, image, &desc));
    must(ocitar_layer_dir(&layer, "etc", 0755));
    for (i = 0; i < 10; i++)
        must(ocitar_layer_file(&layer, "etc/a-file", 0644, body,
                               strlen(body)));
    must(ocitar_layer_symlink(&layer, "etc/a-link", "a-file"));
    must(ocitar_layer_end(&layer));
}

static void image_work(void)
{
    static const char *const env[] = { "PATH=/usr/bin:/bin", "LANG=C" };
    static const char *const cmd[] = { "/bin/sh" };
    ocitar_image_desc image_desc = OCITAR_ZERO;
    ocitar_index_desc index_desc = OCITAR_ZERO;
    ocitar_descriptor pool[3];
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_index index;
    ocitar_image image;

    begin(&archive, &layout, put_nowhere);
    index_desc.descriptors = pool;
    index_desc.capacity = 3;
    must(ocitar_index_begin(&index, &layout, &index_desc));
    image_desc.reference = "localhost/an/image:1";
    image_desc.platform.architecture = "amd64";
    image_desc.env = env;
    image_desc.env_count = 2;
    image_desc.cmd = cmd;
    image_desc.cmd_count = 1;
    must(ocitar_image_begin(&image, &index, &image_desc));
    put_layer(&image, "the lower layer\n");
    put_layer(&image, "the upper layer\n");
    must(ocitar_image_end(&image));
    must(ocitar_index_end(&index));
    must(ocitar_archive_finish(&archive));
}

static void check_ready(void)
{
    static const char mark[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
    static const char index[] = "{\"manifests\":[],\"schemaVersion\":2}";
    ocitar_archive archive;
    ocitar_layout layout;

    begin(&archive, &layout, put_input);
    put_blobs(&layout);
    must(ocitar_file_put(&layout, "oci-layout", 0, 0444, mark,
                         sizeof mark - 1));
    must(ocitar_file_put(&layout, "index.json", 0, 0444, index,
                         sizeof index - 1));
    must(ocitar_archive_finish(&archive));
}

static void check_work(void)
{
    static ocitar_slot slots[2 * COUNT];
    static unsigned char buffer[4096];
    ocitar_checker_desc desc = OCITAR_ZERO;
    ocitar_checker checker;

    desc.slots = slots;
    desc.slot_count = 2 * COUNT;
    desc.buffer = buffer;
    desc.buffer_size = sizeof buffer;
    must(ocitar_checker_begin(&checker, &desc));
    must(ocitar_checker_push(&checker, input, input_len));
    must(ocitar_checker_end(&checker));
    if (checker.notes + checker.warnings < COUNT)
        fail("nothing found of blobs without reference");
}

static void json_ready(void)
{
    add("[0");
    while (input_len < MIB)
        add(",{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\","
            "\"size\":7340032,\"annotations\":{\"title\":"
            "\"a \\\"name\\\" \\u00e9 \xc3\xa9\",\"empty\":null},"
            "\"list\":[1,-2.5e3,true,false,\"\"]}");
    add("]");
}

static int count_token(void *user, int token, const char *text, size_t len)
{
    (void)token;
    (void)text;
    (void)len;
    ++*(uint32_t *)user;
    return OCITAR_OK;
}

static void json_work(void)
{
    static char text[4096];
    static uint64_t seen[64];
    ocitar_json json = OCITAR_ZERO;
    uint32_t count = 0;

    json.token_fn = count_token;
    json.user = &count;
    json.buffer = text;
    json.capacity = sizeof text;
    json.seen = seen;
    json.seen_capacity = 64;
    must(ocitar_json_begin(&json));
    must(ocitar_json_push(&json, input, input_len));
    must(ocitar_json_end(&json));
    if (count < 10000)
        fail("few tokens");
}

static void nothing(void)
{
}

static const struct workload {
    const char *name;
    void (*ready_fn)(void);
    void (*work_fn)(void);
} workloads[] = {
    { "hash", nothing, hash_work },       { "headers", nothing, headers_work },
    { "pax", nothing, pax_work },         { "blobs", nothing, blobs_work },
    { "image", nothing, image_work },     { "check", check_ready, check_work },
    { "json", json_ready, json_work },
};

/* Counting begins and ends here: the compiler must leave it a function. */
__attribute__((__noinline__)) void work(const struct workload *w);
__attribute__((__noinline__)) void work(const struct workload *w)
{
    w->work_fn();
}

int main(int argc, char **argv)
{
    int list = argc == 2 && strcmp(argv[1], "list") == 0;
    size_t i;

    for (i = 0; i < sizeof workloads / sizeof *workloads; i++) {
        if (list)
            printf("%s\n", workloads[i].name);
        if (argc != 2 || strcmp(argv[1], workloads[i].name) != 0)
            continue;
        workloads[i].ready_fn();
        work(&workloads[i]);
        return 0;
    }
    if (!list)
        fail("no such workload");
    return 0;
}
