/* ocitar_docker.h - what `docker save` wrote before version 25, made into an
   OCI layout: manifest.json names a config and tars, and neither has a digest
   that anybody could check. A part of ocitar.c, for `ocitar import`.

   The new archive goes into a file without a name and is then read as any
   other. Configs are kept byte for byte; layers, too, by their digests.    */

#ifndef OCITAR_DOCKER_H
#define OCITAR_DOCKER_H

/* More than these are no images that anybody has. */
enum { CONFIG_MAX = 4 << 20, CONFIGS_MAX = 64 << 20, NAMES_MAX = 1000 };

typedef struct docker_entry {
    char *name;
    char *link; /* what a symbolic or hard link leads to; else NULL */
    uint64_t offset, size;
    ocitar_digest digest; /* once it is in the layout */
} docker_entry;

typedef struct docker_image {
    char *config;
    list layers, tags;
} docker_image;

/* The archive, as manifest.json tells of it. */
typedef struct docker_save {
    reading_in *in;
    ocitar_reader reader;
    ocitar_json json;
    docker_entry *entries;
    size_t entry_count;
    docker_image *images;
    size_t image_count;
    int found;    /* manifest.json, and it is read now or was */
    uint8_t key;  /* 'C'onfig, 'L'ayers, 'R'epoTags or 0 */
    const char *why;
    size_t configs; /* bytes of those that are kept */
    /* of the config that is being looked at: */
    char words[3][32]; /* architecture, os, variant */
    ocitar_digest *diff_ids;
    size_t diff_id_count;
    uint8_t word;      /* which of them comes, plus 1 */
    uint8_t in_rootfs, in_diff_ids;
} docker_save;

static char *copy_text(const char *s, size_t len)
{
    char *copy = (char *)grow(NULL, len + 1, 1);

    if (len > 0)
        memcpy(copy, s, len);
    copy[len] = 0;
    return copy;
}

/* ---- manifest.json ----------------------------------------------------- */

static int docker_token(void *user, int token, const char *text, size_t len)
{
    docker_save *d = (docker_save *)user;
    docker_image *image =
        d->image_count > 0 ? &d->images[d->image_count - 1] : NULL;

    if (token == OCITAR_JSON_PART)
        return OCITAR_E_LIMIT;
    if (token == OCITAR_JSON_OBJECT && d->json.depth == 2) {
        d->images = (docker_image *)grow(d->images, d->image_count + 1,
                                         sizeof *d->images);
        memset(&d->images[d->image_count++], 0, sizeof *d->images);
    } else if (token == OCITAR_JSON_KEY && d->json.depth == 2) {
        d->key = len == 6 && memcmp(text, "Config", 6) == 0     ? 'C'
                 : len == 6 && memcmp(text, "Layers", 6) == 0   ? 'L'
                 : len == 8 && memcmp(text, "RepoTags", 8) == 0 ? 'R'
                                                                : 0;
    } else if (token == OCITAR_JSON_STRING && image != NULL) {
        if (d->key == 'C' && d->json.depth == 2 && image->config == NULL)
            image->config = copy_text(text, len);
        else if (d->key == 'L' && d->json.depth == 3)
            list_add(&image->layers, copy_text(text, len));
        else if (d->key == 'R' && d->json.depth == 3)
            list_add(&image->tags, copy_text(text, len));
    }
    return 0;
}

static int docker_entry_begins(void *user, const ocitar_entry *e)
{
    docker_save *d = (docker_save *)user;
    const char *name = e->name;
    size_t len = e->name_len;
    docker_entry *entry;

    while (len > 2 && name[0] == '.' && name[1] == '/')
        name += 2, len -= 2;
    d->entries = (docker_entry *)grow(d->entries, d->entry_count + 1,
                                      sizeof *d->entries);
    entry = &d->entries[d->entry_count++];
    entry->name = copy_text(name, len);
    entry->link = e->typeflag == '1' || e->typeflag == '2'
                      ? copy_text(e->linkname, e->linkname_len)
                      : NULL;
    memset(&entry->digest, 0, sizeof entry->digest);
    entry->offset = d->reader.body;
    entry->size = (uint64_t)e->size;
    if (strcmp(entry->name, "manifest.json") == 0)
        d->found++;
    return 0;
}

static int docker_data(void *user, const void *data, size_t len)
{
    docker_save *d = (docker_save *)user;

    if (d->found == 1 &&
        strcmp(d->entries[d->entry_count - 1].name, "manifest.json") == 0)
        ocitar_json_push(&d->json, data, len);
    return 0;
}

/* What the tar holds. */
static int docker_read(docker_save *d)
{
    static unsigned char buffer[PIECE];
    static char names[1 << 16], text[PIECE];
    ocitar_reader_desc r = OCITAR_ZERO;
    const ocitar_source *s = &d->in->source;
    size_t n = 0;

    r.buffer = names;
    r.buffer_size = sizeof names;
    r.entry_fn = docker_entry_begins;
    r.data_fn = docker_data;
    r.user = d;
    d->json.token_fn = docker_token;
    d->json.user = d;
    d->json.buffer = text;
    d->json.capacity = sizeof text;
    if (ocitar_reader_begin(&d->reader, &r) != OCITAR_OK ||
        ocitar_json_begin(&d->json) != OCITAR_OK ||
        (d->in->failed = s->rewind_fn(s->user)) != 0)
        return FAILED;
    do {
        d->in->failed = s->get_fn(s->user, buffer, sizeof buffer, &n);
        ocitar_reader_push(&d->reader, buffer, n);
    } while (d->in->failed == 0 && n > 0);
    return d->in->failed == 0 &&
                   ocitar_reader_end(&d->reader) == OCITAR_OK &&
                   d->found == 1 && ocitar_json_end(&d->json) == OCITAR_OK
               ? DONE
               : FAILED;
}

/* An entry by its name, through one link: layers that are alike are stored
   once. */
static docker_entry *docker_find(const docker_save *d, const char *name,
                                       int links)
{
    size_t i, up, len;
    docker_entry *e;
    char path[1024];
    const char *to;

    for (i = 0; i < d->entry_count; i++)
        if (strcmp(d->entries[i].name, name) == 0)
            break;
    if (i == d->entry_count)
        return NULL;
    e = &d->entries[i];
    if (e->link == NULL || links == 0)
        return e->link == NULL ? e : NULL;
    len = strlen(name);
    for (to = e->link, up = 1; strncmp(to, "../", 3) == 0; to += 3)
        up++;
    for (; up > 0 && len > 0; up--) /* its directory, and those above */
        do
            len--;
        while (len > 0 && name[len] != '/');
    if (snprintf(path, sizeof path, "%.*s%s%s", (int)len, name,
                 len > 0 ? "/" : "", to) >= (int)sizeof path)
        return NULL;
    return docker_find(d, path, links - 1);
}

/* ---- configs ----------------------------------------------------------- */

static int config_token(void *user, int token, const char *text, size_t len)
{
    docker_save *d = (docker_save *)user;
    unsigned depth = d->json.depth;

    if (token == OCITAR_JSON_KEY && depth == 1) {
        d->word = len == 12 && memcmp(text, "architecture", 12) == 0 ? 1
                  : len == 2 && memcmp(text, "os", 2) == 0            ? 2
                  : len == 7 && memcmp(text, "variant", 7) == 0       ? 3
                                                                      : 0;
        d->in_rootfs = len == 6 && memcmp(text, "rootfs", 6) == 0;
    } else if (token == OCITAR_JSON_KEY && depth == 2) {
        d->in_diff_ids = d->in_rootfs && len == 8 &&
                         memcmp(text, "diff_ids", 8) == 0;
    } else if (token == OCITAR_JSON_STRING && depth == 1 && d->word > 0) {
        snprintf(d->words[d->word - 1], sizeof d->words[0], "%.*s", (int)len,
                 text);
        d->word = 0;
    } else if (token == OCITAR_JSON_STRING && depth == 3 && d->in_diff_ids) {
        d->diff_ids =
            (ocitar_digest *)grow(d->diff_ids, d->diff_id_count + 1,
                                  sizeof *d->diff_ids);
        return ocitar_digest_parse(&d->diff_ids[d->diff_id_count++], text,
                                   len);
    }
    return 0;
}

static int parse_config(docker_save *d, const char *config, size_t len)
{
    static char text[PIECE];

    memset(&d->json, 0, sizeof d->json);
    memset(d->words, 0, sizeof d->words);
    d->diff_id_count = 0;
    d->word = d->in_rootfs = d->in_diff_ids = 0;
    d->json.token_fn = config_token;
    d->json.user = d;
    d->json.buffer = text;
    d->json.capacity = sizeof text;
    return ocitar_json_begin(&d->json) == OCITAR_OK &&
                   ocitar_json_push(&d->json, config, len) == OCITAR_OK &&
                   ocitar_json_end(&d->json) == OCITAR_OK &&
                   d->words[0][0] != 0 && d->words[1][0] != 0
               ? DONE
               : FAILED;
}

/* ---- the new archive --------------------------------------------------- */

/* An entry's bytes as a source. */
typedef struct docker_range {
    const ocitar_source *from;
    uint64_t offset, size, at;
} docker_range;

static int range_get(void *user, void *out, size_t capacity, size_t *len)
{
    docker_range *r = (docker_range *)user;
    int code;

    if (capacity > r->size - r->at)
        capacity = (size_t)(r->size - r->at);
    *len = 0;
    if (capacity == 0)
        return 0;
    code = r->from->get_at_fn(r->from->user, r->offset + r->at, out, capacity,
                              len);
    r->at += *len;
    return code != 0 ? code : *len == 0 ? EIO : 0;
}

static int range_rewind(void *user)
{
    ((docker_range *)user)->at = 0;
    return 0;
}

static int docker_layer(docker_save *d, ocitar_layout *layout,
                        ocitar_image *image, docker_entry *entry,
                        const ocitar_digest *diff_id)
{
    static unsigned char buffer[PIECE];
    ocitar_descriptor layer = OCITAR_ZERO;
    ocitar_source source = OCITAR_ZERO;
    docker_range range = OCITAR_ZERO;
    uint8_t magic[4] = {0};
    size_t n = 0;
    uint8_t kind;
    int code = OCITAR_OK;

    range.from = &d->in->source;
    range.offset = entry->offset;
    range.size = entry->size;
    source.get_fn = range_get;
    source.rewind_fn = range_rewind;
    source.user = &range;
    if (entry->size >= sizeof magic &&
        range.from->get_at_fn(range.from->user, range.offset, magic,
                              sizeof magic, &n) != 0)
        return OCITAR_E_SOURCE;
    kind = compression_of(magic, sizeof magic);
    layer.media_type = kind == GZIP
                           ? "application/vnd.oci.image.layer.v1.tar+gzip"
                       : kind == ZSTD
                           ? "application/vnd.oci.image.layer.v1.tar+zstd"
                           : "application/vnd.oci.image.layer.v1.tar";
    layer.diff_id = *diff_id;
    layer.size = entry->size;
    if (entry->digest.algorithm == 0)
        code = ocitar_blob_copy(layout, 0, &source, buffer, sizeof buffer,
                                &entry->digest, NULL);
    layer.digest = entry->digest;
    return code != OCITAR_OK ? code : ocitar_image_layer(image, &layer);
}

/* Names that are none of ours are left out, as docker's "<none>:<none>". */
static void docker_names(const docker_image *from, ocitar_image_desc *desc,
                         list *names)
{
    size_t i;

    for (i = 0; i < from->tags.count; i++)
        if (is_reference(from->tags.items[i]))
            list_add(names, from->tags.items[i]);
    if (names->count == 0)
        return;
    desc->reference = names->items[0];
    desc->more_references = names->items + 1;
    desc->more_reference_count = names->count - 1;
}

static int docker_write_image(docker_save *d, ocitar_layout *layout,
                              ocitar_index *index, const docker_image *from,
                              list *names, char **config)
{
    docker_entry *e = docker_find(d, from->config, 4);
    ocitar_image_desc desc = OCITAR_ZERO;
    ocitar_image image;
    size_t i, n = 0;
    int code;

    d->why = "a config that cannot be";
    if (e == NULL || e->size > CONFIG_MAX ||
        d->configs + e->size > CONFIGS_MAX || from->tags.count > NAMES_MAX ||
        from->layers.count > NAMES_MAX)
        return OCITAR_E_FORMAT;
    d->configs += (size_t)e->size + 1024;
    *config = (char *)grow(NULL, (size_t)e->size + 1, 1);
    if (d->in->source.get_at_fn(d->in->source.user, e->offset, *config,
                                (size_t)e->size, &n) != 0 ||
        n != e->size || parse_config(d, *config, n) != DONE ||
        d->diff_id_count != from->layers.count)
        return OCITAR_E_FORMAT;
    desc.config = *config;
    desc.config_len = n;
    desc.platform.architecture = copy_text(d->words[0], strlen(d->words[0]));
    desc.platform.os = copy_text(d->words[1], strlen(d->words[1]));
    if (d->words[2][0] != 0)
        desc.platform.variant = copy_text(d->words[2], strlen(d->words[2]));
    list_add(names + 1, desc.platform.architecture);
    list_add(names + 1, desc.platform.os);
    if (desc.platform.variant != NULL)
        list_add(names + 1, desc.platform.variant);
    docker_names(from, &desc, names);
    d->why = "a name that cannot be";
    code = ocitar_image_begin(&image, index, &desc);
    d->why = "a layer that is not there";
    for (i = 0; code == OCITAR_OK && i < from->layers.count; i++) {
        e = docker_find(d, from->layers.items[i], 4);
        code = e == NULL ? (int)OCITAR_E_FORMAT
                         : docker_layer(d, layout, &image, e,
                                        &d->diff_ids[i]);
    }
    return code == OCITAR_OK ? ocitar_image_end(&image) : code;
}

static int docker_write(docker_save *d, ocitar_sink *sink, list *names,
                        char **configs)
{
    static unsigned char buffer[PIECE];
    ocitar_archive_desc archive_desc = OCITAR_ZERO;
    ocitar_layout_desc layout_desc = OCITAR_ZERO;
    ocitar_index_desc index_desc = OCITAR_ZERO;
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_index index;
    size_t i, n = 1;
    int code;

    for (i = 0; i < d->image_count; i++)
        n += d->images[i].layers.count + 2;
    archive_desc.sink = *sink;
    archive_desc.buffer = buffer;
    archive_desc.buffer_size = sizeof buffer;
    layout_desc.keys = (ocitar_key *)grow(NULL, 2 * n, sizeof(ocitar_key));
    layout_desc.key_count = (uint32_t)(2 * n);
    index_desc.capacity = n;
    index_desc.descriptors =
        (ocitar_descriptor *)grow(NULL, n, sizeof(ocitar_descriptor));
    code = ocitar_archive_begin(&archive, &archive_desc);
    if (code == OCITAR_OK)
        code = ocitar_layout_begin(&layout, &archive, &layout_desc);
    if (code == OCITAR_OK)
        code = ocitar_index_begin(&index, &layout, &index_desc);
    for (i = 0; code == OCITAR_OK && i < d->image_count; i++)
        code = docker_write_image(d, &layout, &index, &d->images[i],
                                  names + 2 * i, &configs[i]);
    if (code == OCITAR_OK)
        code = ocitar_index_end(&index);
    if (code == OCITAR_OK)
        code = ocitar_archive_finish(&archive);
    free(layout_desc.keys);
    free(index_desc.descriptors);
    return code;
}

static void docker_free(docker_save *d)
{
    size_t i;

    for (i = 0; i < d->entry_count; i++) {
        free(d->entries[i].name);
        free(d->entries[i].link);
    }
    for (i = 0; i < d->image_count; i++) {
        free(d->images[i].config);
        free_names(&d->images[i].layers);
        free_names(&d->images[i].tags);
    }
    free(d->entries);
    free(d->images);
    free(d->diff_ids);
}

static int append_sink(void *user, const void *data, size_t len)
{
    const ocitar_store *store = (const ocitar_store *)user;

    return store->append_fn(store->user, data, len);
}

/* Has the archive no index.json? */
static int lacks_index(const reading_in *r)
{
    size_t i;

    for (i = 0; i < r->finding_count; i++)
        if (r->findings[i].rule == 3 &&
            r->findings[i].kind == OCITAR_MISSING)
            return 1;
    return 0;
}

/* Was it written by an old `docker save`? Then what is read from now on is an
   OCI layout of the same images. */
static int convert_docker(reading_in *r)
{
    docker_save d = OCITAR_ZERO;
    const char *directory = getenv("TMPDIR");
    ocitar_temp temp;
    ocitar_store store;
    ocitar_sink sink = OCITAR_ZERO;
    list *names;
    char **configs;
    size_t i;
    int code = OCITAR_E_FORMAT;

    if (r->descriptor < 0 || !lacks_index(r))
        return DONE;
    d.in = r;
    if (docker_read(&d) != DONE || d.image_count == 0) {
        docker_free(&d);
        return DONE; /* what it is not, the findings tell */
    }
    ocitar_temp_begin(&temp, directory != NULL && *directory != 0
                                 ? directory
                                 : "/tmp");
    ocitar_temp_store(&temp, &store);
    sink.put_fn = append_sink;
    sink.user = &store;
    names = (list *)grow(NULL, 2 * d.image_count, sizeof *names);
    memset(names, 0, 2 * d.image_count * sizeof *names);
    configs = (char **)grow(NULL, d.image_count, sizeof *configs);
    memset(configs, 0, d.image_count * sizeof *configs);
    for (i = 0; i < d.image_count && d.images[i].config != NULL; i++)
        ;
    if (i == d.image_count)
        code = docker_write(&d, &sink, names, configs);
    if (code != OCITAR_OK)
        complain("%s: docker's manifest.json: %s", r->shown,
                 d.why != NULL ? d.why : ocitar_error_text(code));
    for (i = 0; i < d.image_count; i++) {
        free(names[2 * i].items);
        free_names(&names[2 * i + 1]);
        free(configs[i]);
    }
    free(names);
    free(configs);
    docker_free(&d);
    if (code != OCITAR_OK) {
        ocitar_temp_end(&temp);
        return FAILED;
    }
    ocitar_temp_end(&r->temp);
    r->temp = temp;
    ocitar_fd_begin(&r->fd, temp.descriptor);
    r->fd.start = 0;
    ocitar_fd_source(&r->fd, &r->source);
    return read_layout(r);
}

#endif
