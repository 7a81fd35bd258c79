/* ocitar_read.h - the reading half of the command: verify, ls, cat, index,
   export and import. A part of ocitar.c, which includes it; messages, options
   and JSON are there. Everything is read through ocitar_checker first: what is
   not valid is listed, but nothing is taken out of it.

   Read it from the bottom: run_read, then command_index and its like.      */

#ifndef OCITAR_READ_H
#define OCITAR_READ_H

/* ---- a layout that is read --------------------------------------------- */

enum { PIECE = 65536, FINDINGS_MAX = 10000 };

/* An archive, or a layout directory, and what was found in it. */
typedef struct reading_in {
    ocitar_catalog catalog; /* first: the checker's user is both */
    const char *path;  /* as given */
    const char *shown; /* for messages */
    int descriptor;    /* of the archive; -1: a directory */
    ocitar_fd fd;
    ocitar_source source;
    ocitar_temp temp;           /* what came through a pipe, to be reread */
    ocitar_directory directory;
    ocitar_layout layout;       /* over the directory, to read from */
    ocitar_checker checker;
    ocitar_layer_checker layer;
    ocitar_slot *slots;
    uint32_t slot_count;
    ocitar_key *paths;
    uint32_t path_count;
    char *raw;
    const options *o;
    int failed; /* errno of a read */
    int verdict;
    uint8_t listing; /* its lines are wanted */
    uint8_t once;    /* a pipe that is not kept: no second look */
    uint8_t only_root; /* of a directory, not its blobs */
    size_t omitted;           /* findings that are counted and not kept */
    ocitar_finding *findings; /* with names of their own */
    size_t finding_count;
#ifdef OCITAR_WITH_ZLIB
    codec_zlib zlib;
#endif
#ifdef OCITAR_WITH_ZSTD
    codec_zstd zstd;
#endif
    ocitar_codec codec;
} reading_in;

static const char *const severities[] = {"note", "warning", "error"};

/* Decompressors, for diffIDs and for what is in a layer. */
static const ocitar_codec *choose_decoder(void *user, const uint8_t *magic)
{
    reading_in *r = (reading_in *)user;
    uint8_t kind = compression_of(magic, 4);

#ifdef OCITAR_WITH_ZLIB
    if (kind == GZIP)
        codec_zlib_decompress(&r->zlib, &r->codec);
#endif
#ifdef OCITAR_WITH_ZSTD
    if (kind == ZSTD)
        codec_zstd_decompress(&r->zstd, &r->codec);
#endif
    return (kind == GZIP || kind == ZSTD) &&
                   compressions[kind].missing == NULL
               ? &r->codec
               : NULL;
}

/* ---- findings ---------------------------------------------------------- */

/* The first digits of a digest, which do for people. */
static void print_digest(const ocitar_digest *digest)
{
    char text[OCITAR_DIGEST_TEXT_MAX];

    if (ocitar_digest_format(digest, text) > 0)
        printf("%.*s%.12s", digest->algorithm == OCITAR_SHA256 ? 0 : 7, text,
               text + 7);
}

/* What is found, or else what should have been. */
static void finding_text(const ocitar_finding *f)
{
    printf("%-7s %2d  ", severities[f->severity], f->rule);
    if (f->name != NULL)
        json_string(stdout, f->name); /* quoted: it may hold anything */
    else
        print_digest(&f->digest);
    if (f->name != NULL || f->digest.algorithm != 0)
        printf(": ");
    if (f->kind == OCITAR_UNREFERENCED)
        printf("nothing refers to it");
    else if (f->kind == OCITAR_MISSING && (f->rule == 7 || f->rule == 41))
        printf("it is referred to, and not there");
    else
        printf("%s%s",
               f->kind == OCITAR_UNCHECKED      ? "not checked: "
               : f->kind == OCITAR_UNVERIFIABLE ? "not verified: "
               : f->kind == OCITAR_MISSING      ? "missing: "
               : strcmp(f->text, ocitar_rule_text(f->rule)) == 0 ? "not so: "
                                                                 : "",
               f->text);
    if (f->expected_size != f->actual_size)
        printf(": %llu != %llu", (unsigned long long)f->expected_size,
               (unsigned long long)f->actual_size);
    if (f->actual.algorithm != 0) {
        printf(": not ");
        print_digest(&f->actual);
    }
    putchar('\n');
}

static void finding_json(const ocitar_finding *f, int first)
{
    static const char *const kinds[] = {"invalid", "missing", "unreferenced",
                                        "unverifiable", "unchecked"};

    printf("%s{\"rule\":%d", first ? "" : ",", f->rule);
    json_text(stdout, ",", "severity", severities[f->severity]);
    json_text(stdout, ",", "kind", kinds[f->kind]);
    json_text(stdout, ",", "text", f->text);
    if (f->name != NULL)
        json_text(stdout, ",", "name", f->name);
    if (f->digest.algorithm != 0)
        json_digest(stdout, ",", "digest", &f->digest);
    if (f->expected_size != f->actual_size) {
        json_size(stdout, ",", "expectedSize", f->expected_size);
        json_size(stdout, ",", "actualSize", f->actual_size);
    }
    if (f->actual.algorithm != 0) {
        json_digest(stdout, ",", "expected", &f->expected);
        json_digest(stdout, ",", "actual", &f->actual);
    }
    putchar('}');
}

/* Kept until the last look is over. */
static int note_finding(void *user, const ocitar_finding *f)
{
    reading_in *r = (reading_in *)user;
    ocitar_finding *copy;
    char *name = NULL;

    if (r->finding_count >= (f->severity == OCITAR_ERROR ? 2 : 1) *
                                FINDINGS_MAX) {
        r->omitted++;
        return 0;
    }

    r->findings = (ocitar_finding *)grow(r->findings, r->finding_count + 1,
                                         sizeof *r->findings);
    copy = &r->findings[r->finding_count++];
    *copy = *f;
    if (f->name != NULL) { /* its bytes have no NUL behind them */
        name = (char *)grow(NULL, f->name_len + 1, 1);
        memcpy(name, f->name, f->name_len);
        name[f->name_len] = 0;
    }
    copy->name = name;
    return 0;
}

static void forget_findings(reading_in *r)
{
    r->omitted = 0;
    while (r->finding_count > 0)
        free((char *)(uintptr_t)r->findings[--r->finding_count].name);
}

/* Of a layout that is to be used, what forbids that: the first few. */
static int complain_findings(const reading_in *r)
{
    size_t i, told = 0;

    for (i = 0; i < r->finding_count; i++)
        if (r->findings[i].severity == OCITAR_ERROR && told++ < 3)
            complain("%s: rule %d: %s", r->shown, r->findings[i].rule,
                     r->findings[i].text);
        else if (r->findings[i].rule == 26 &&
                 r->findings[i].kind == OCITAR_UNCHECKED && told++ < 3)
            complain("%s: more names in one object than can be told apart",
                     r->shown);
    if (told > 0)
        fprintf(stderr, "'ocitar verify' tells all that is wrong with it\n");
    return told > 0 ? FAILED : DONE;
}

/* ---- reading ----------------------------------------------------------- */

/* Room as the last look needed it; 0: it was enough. */
static int make_room(reading_in *r)
{
    ocitar_catalog *c = &r->catalog;
    int more = 0;

    if (r->checker.needed > r->slot_count) {
        r->slot_count = r->checker.needed + r->checker.needed / 2;
        r->slots = (ocitar_slot *)grow(r->slots, r->slot_count,
                                       sizeof *r->slots);
        more = 1;
    }
    if (r->layer.unchecked == 55 && r->path_count < (1u << 24)) {
        r->path_count *= 8;
        r->paths =
            (ocitar_key *)grow(r->paths, r->path_count, sizeof *r->paths);
        more = 1;
    }
    if (!r->listing || ocitar_catalog_end(c) == OCITAR_OK)
        return more;
    c->line_count = c->needed + 1;
    c->lines = (ocitar_line *)grow(c->lines, c->line_count, sizeof *c->lines);
    c->table_count = 2 * c->blobs + 2;
    c->table = (uint32_t *)grow(c->table, c->table_count, sizeof *c->table);
    c->text_size = c->text_needed + 1;
    c->text = (char *)grow(c->text, c->text_size, 1);
    return 1;
}

static void first_room(reading_in *r)
{
    ocitar_catalog *c = &r->catalog;

    if (r->slots != NULL)
        return;
    r->slot_count = r->once ? 16384 : 1024;
    r->slots = (ocitar_slot *)grow(NULL, r->slot_count, sizeof *r->slots);
    r->path_count = 16384;
    r->paths = (ocitar_key *)grow(NULL, r->path_count, sizeof *r->paths);
    c->line_count = r->once ? 16384 : 1024;
    c->lines = (ocitar_line *)grow(NULL, c->line_count, sizeof *c->lines);
    c->table_count = 2 * c->line_count;
    c->table = (uint32_t *)grow(NULL, c->table_count, sizeof *c->table);
    c->text_size = r->once ? 4 << 20 : 256 << 10;
    c->text = (char *)grow(NULL, c->text_size, 1);
    r->raw = (char *)grow(NULL, PIECE, 1);
}

static int begin_check(reading_in *r)
{
    static unsigned char buffer[PIECE], layer_buffer[1 << 17];
    static uint64_t seen[4096];
    ocitar_checker_desc d = OCITAR_ZERO;
    int code = OCITAR_OK;

    d.slots = r->slots;
    d.slot_count = r->slot_count;
    d.buffer = buffer;
    d.buffer_size = sizeof buffer;
    d.seen = seen;
    d.seen_count = sizeof seen / sizeof seen[0];
    d.paths = r->paths;
    d.path_count = r->path_count;
    d.layer = &r->layer;
    d.layer_buffer = layer_buffer;
    d.layer_buffer_size = sizeof layer_buffer;
    d.raw = r->raw;
    d.raw_size = PIECE;
    d.strict = r->o->strict;
    d.max_entries = UINT64_MAX;
    d.codec_fn = choose_decoder;
    d.finding_fn = note_finding;
    d.user = r;
    if (r->listing)
        code = ocitar_catalog_begin(&r->catalog, &r->checker, &d);
    memset(&r->layer, 0, sizeof r->layer);
    return code == OCITAR_OK ? ocitar_checker_begin(&r->checker, &d) : code;
}

static int feed(void *user, const void *data, size_t len)
{
    reading_in *r = (reading_in *)user;

    progress_read(len);
    ocitar_checker_push(&r->checker, data, len); /* its verdict comes last */
    return 0;
}

static int read_at(void *user, uint64_t offset, void *out, size_t capacity,
                   size_t *len)
{
    const reading_in *r = (const reading_in *)user;
    int code = r->source.get_at_fn(r->source.user, offset, out, capacity, len);

    progress_read(code == 0 ? *len : 0);
    return code;
}

/* A file, which the checker reads as it likes. */
static int feed_file_archive(reading_in *r)
{
    static unsigned char buffer[3 * PIECE];
    ocitar_source source = OCITAR_ZERO;

    source.get_at_fn = read_at;
    source.user = r;
    if (ocitar_checker_read(&r->checker, &source, buffer, sizeof buffer) !=
        OCITAR_E_SOURCE)
        return DONE; /* what else may be is in its verdict */
    r->failed = r->checker.user_code;
    return FAILED;
}

/* The archive's bytes, to the checker. */
static int feed_archive(reading_in *r)
{
    static unsigned char buffer[PIECE];
    size_t n = 0;

    if (r->source.get_at_fn != NULL)
        return feed_file_archive(r);

    if (r->source.rewind_fn != NULL &&
        (r->failed = r->source.rewind_fn(r->source.user)) != 0)
        return FAILED;
    do {
        r->failed = r->source.get_fn(r->source.user, buffer, sizeof buffer,
                                     &n);
        feed(r, buffer, n);
    } while (r->failed == 0 && n > 0);
    return r->failed == 0 ? DONE : FAILED;
}

/* One file of a directory, as an entry of a tar that only the checker sees. */
static int feed_file(reading_in *r, ocitar_archive *a, int fd,
                     const char *name, const struct stat *st)
{
    static unsigned char buffer[PIECE];
    ocitar_entry entry = OCITAR_ZERO;
    ssize_t n = 1;

    entry.name = name;
    entry.mode = 0444;
    entry.typeflag = S_ISDIR(st->st_mode)   ? '5'
                     : S_ISREG(st->st_mode) ? '0'
                                            : '6';
    entry.linkname = "";
    entry.size = S_ISREG(st->st_mode) ? (int64_t)st->st_size : 0;
    if (ocitar_archive_header(a, &entry) != OCITAR_OK)
        return FAILED;
    while (S_ISREG(st->st_mode) && n > 0) {
        n = read(fd, buffer, sizeof buffer);
        if (n < 0 ||
            ocitar_archive_write(a, buffer, (size_t)n) != OCITAR_OK) {
            r->failed = n < 0 ? errno : EIO;
            return FAILED;
        }
    }
    return DONE;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory, in byte order; the caller's to free. NULL: errno
   says why. */
static char **list_directory(const char *path, size_t *count)
{
    char **names = (char **)grow(NULL, 1, sizeof *names);
    const struct dirent *e;
    DIR *dir = opendir(path);

    *count = 0;
    while (dir != NULL && (e = readdir(dir)) != NULL) {
        size_t size = strlen(e->d_name) + 1;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        names = (char **)grow(names, *count + 1, sizeof *names);
        names[*count] = (char *)grow(NULL, size, 1);
        memcpy(names[(*count)++], e->d_name, size);
    }
    if (dir == NULL) {
        free(names);
        return NULL;
    }
    closedir(dir);
    qsort(names, *count, sizeof *names, by_name);
    return names;
}

/* One name in the directory `below`. In *is_directory whether it is one. */
static int feed_name(reading_in *r, ocitar_archive *a, const char *below,
                     const char *last, int *is_directory)
{
    char path[4096], name[512];
    struct stat st;
    int fd, done = DONE;

    *is_directory = 0;
    if (snprintf(name, sizeof name - 1, "%s%s", below, last) >=
            (int)sizeof name - 1 ||
        snprintf(path, sizeof path, "%s/%s", r->path, name) >=
            (int)sizeof path) {
        r->failed = ENAMETOOLONG;
        return FAILED;
    }
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ELOOP && lstat(path, &st) == 0)
        return feed_file(r, a, -1, name, &st); /* a link, which is told of */
    if (fd < 0 || fstat(fd, &st) != 0) {
        r->failed = errno;
        done = FAILED;
    } else {
        *is_directory = S_ISDIR(st.st_mode) != 0;
        if (*is_directory)
            strcat(name, "/");
        done = feed_file(r, a, fd, name, &st);
    }
    if (fd >= 0)
        close(fd);
    return done;
}

/* What a run that was killed leaves of the object that it was writing. */
static int is_leftover(const char *name)
{
    return strncmp(name, ".ocitar.", 8) == 0;
}

/* What is in a directory; the names of directories in it go to `down`. */
static int feed_directory(reading_in *r, ocitar_archive *a, const char *below,
                          list *down)
{
    char path[4096], **names;
    size_t count, i;
    int done = DONE, is_directory;

    snprintf(path, sizeof path, "%s/%s", r->path, below);
    names = list_directory(path, &count);
    if (names == NULL) {
        r->failed = errno;
        return FAILED;
    }
    for (i = 0; i < count; i++) {
        is_directory = 0;
        if (done == DONE && !is_leftover(names[i]))
            done = feed_name(r, a, below, names[i], &is_directory);
        if (done == DONE && is_directory && down != NULL)
            list_add(down, names[i]);
        else
            free(names[i]);
    }
    free(names);
    return done;
}

static void free_names(list *l)
{
    while (l->count > 0)
        free((char *)(uintptr_t)l->items[--l->count]);
    free(l->items);
}

/* The root, blobs/, and what is in blobs/. */
static int feed_levels(reading_in *r, ocitar_archive *a)
{
    list top = OCITAR_ZERO, algorithms = OCITAR_ZERO;
    char below[300];
    size_t i;
    int done = feed_directory(r, a, "", &top);

    for (i = 0; done == DONE && i < top.count && !r->only_root; i++)
        if (strcmp(top.items[i], "blobs") == 0)
            done = feed_directory(r, a, "blobs/", &algorithms);
    for (i = 0; done == DONE && i < algorithms.count; i++) {
        snprintf(below, sizeof below, "blobs/%s/", algorithms.items[i]);
        done = feed_directory(r, a, below, NULL);
    }
    free_names(&top);
    free_names(&algorithms);
    return done;
}

static int feed_layout(reading_in *r)
{
    static unsigned char buffer[512];
    ocitar_archive_desc d = OCITAR_ZERO;
    ocitar_archive a;

    d.buffer = buffer;
    d.buffer_size = sizeof buffer;
    d.sink.put_fn = feed;
    d.sink.user = r;
    if (ocitar_archive_begin(&a, &d) != OCITAR_OK ||
        feed_levels(r, &a) != DONE)
        return FAILED;
    return ocitar_archive_finish(&a) == OCITAR_OK ? DONE : FAILED;
}

/* A pipe that must be read again goes into a file without a name. */
static int keep_pipe(reading_in *r)
{
    static unsigned char buffer[PIECE];
    const char *directory = getenv("TMPDIR");
    ocitar_store store;
    size_t n = 0;
    int full = 0; /* errno of the file */

    if (directory == NULL || *directory == 0)
        directory = "/tmp";
    ocitar_temp_begin(&r->temp, directory);
    ocitar_temp_store(&r->temp, &store);
    do {
        r->failed = r->source.get_fn(r->source.user, buffer, sizeof buffer,
                                     &n);
        if (r->failed == 0 && n > 0)
            full = store.append_fn(store.user, buffer, n);
    } while (r->failed == 0 && full == 0 && n > 0);
    if (full != 0) {
        complain("%s (TMPDIR, or /tmp): %s", directory, strerror(full));
        return FAILED;
    }
    if (r->failed != 0 || r->temp.descriptor < 0) {
        complain("%s: %s", r->shown,
                 r->failed != 0 ? strerror(r->failed) : "empty, not a tar");
        return FAILED;
    }
    ocitar_fd_begin(&r->fd, r->temp.descriptor);
    r->fd.start = 0;
    ocitar_fd_source(&r->fd, &r->source);
    return DONE;
}

static int open_reading(reading_in *r, const options *o, const char *path,
                        int again)
{
    ocitar_layout_desc d = OCITAR_ZERO;
    struct stat st;
    int code = 0;

    r->o = o;
    r->path = path;
    r->shown = strcmp(path, "-") == 0 ? "standard input" : path;
    r->descriptor = strcmp(path, "-") == 0
                        ? STDIN_FILENO
                        : open(path, O_RDONLY | O_CLOEXEC);
    if (r->descriptor < 0 || fstat(r->descriptor, &st) != 0) {
        complain("%s: %s", r->shown, strerror(errno));
        return FAILED;
    }
    if (S_ISDIR(st.st_mode) && r->descriptor != STDIN_FILENO) {
        close(r->descriptor);
        r->descriptor = -1;
        if (ocitar_directory_begin(&r->directory, path, 0, &code) !=
            OCITAR_OK) {
            complain("%s: %s", path, strerror(code));
            return FAILED;
        }
        ocitar_directory_layout(&r->directory, &d);
        return ocitar_layout_begin(&r->layout, NULL, &d) == OCITAR_OK
                   ? DONE
                   : FAILED;
    }
    if (isatty(r->descriptor)) {
        complain("%s: a tar is not read from a terminal", r->shown);
        return FAILED;
    }
    ocitar_fd_begin(&r->fd, r->descriptor);
    ocitar_fd_source(&r->fd, &r->source);
    if (r->source.rewind_fn != NULL)
        return DONE;
    if (again)
        return keep_pipe(r);
    r->once = 1;
    return DONE;
}

static void close_reading(reading_in *r)
{
    if (r->descriptor > STDERR_FILENO)
        close(r->descriptor);
    ocitar_temp_end(&r->temp);
    ocitar_directory_end(&r->directory);
    forget_findings(r);
    free(r->findings);
    free(r->slots);
    free(r->paths);
    free(r->raw);
    free(r->catalog.lines);
    free(r->catalog.table);
    free(r->catalog.text);
}

/* Reads and checks it all; again with more room, if that was what lacked. */
static int read_layout(reading_in *r)
{
    int done;

    first_room(r);
    do {
        forget_findings(r);
        if (begin_check(r) != OCITAR_OK)
            return FAILED;
        done = r->descriptor < 0 ? feed_layout(r) : feed_archive(r);
        if (done != DONE) {
            complain("%s: %s", r->shown, strerror(r->failed));
            return FAILED;
        }
        if (r->checker.needed <= r->slot_count || r->once)
            r->verdict = ocitar_checker_end(&r->checker);
        else
            r->verdict = OCITAR_E_LIMIT;
    } while (!r->once && r->verdict != OCITAR_E_HOOK && make_room(r));
    if (r->verdict == OCITAR_OK || r->verdict == OCITAR_E_INVALID)
        return DONE;
    complain("%s: %s", r->shown,
             r->verdict == OCITAR_E_LIMIT
                 ? "more blobs than can be told apart in one look; give a "
                   "file"
                 : ocitar_error_text(r->verdict));
    return FAILED;
}

/* ---- verify ------------------------------------------------------------ */

static int report_findings(const reading_in *r)
{
    const ocitar_checker *c = &r->checker;
    int good = r->verdict == OCITAR_OK;
    size_t i;

    if (r->o->json) {
        json_text(stdout, "{", "archive", r->path);
        printf(",\"valid\":%s,\"errors\":%u,\"warnings\":%u,\"notes\":%u",
               good ? "true" : "false", c->errors, c->warnings, c->notes);
        printf(",\"findings\":[");
        for (i = 0; i < r->finding_count; i++)
            finding_json(&r->findings[i], i == 0);
        putchar(']');
        if (r->omitted > 0)
            json_size(stdout, ",", "omitted", r->omitted);
        return written(stdout, printf("}\n") > 0);
    }
    for (i = 0; i < r->finding_count; i++)
        if (!r->o->quiet || r->findings[i].severity == OCITAR_ERROR)
            finding_text(&r->findings[i]);
    if (r->omitted > 0 && !r->o->quiet)
        printf("and %llu more\n", (unsigned long long)r->omitted);
    if (!r->o->quiet)
        printf("%s: %s: %u error%s, %u warning%s, %u note%s\n", r->shown,
               good ? "valid" : "not valid", c->errors,
               c->errors == 1 ? "" : "s", c->warnings,
               c->warnings == 1 ? "" : "s", c->notes,
               c->notes == 1 ? "" : "s");
    return written(stdout, 1);
}

static int command_verify(const options *o)
{
    static reading_in r;
    int done = open_reading(&r, o, o->operands.items[0], 0);

    if (done == DONE)
        done = read_layout(&r);
    progress_end();
    if (done == DONE)
        done = report_findings(&r);
    if (done == DONE && r.verdict != OCITAR_OK)
        done = FAILED;
    close_reading(&r);
    return done;
}

/* ---- ls ---------------------------------------------------------------- */

static const ocitar_line *blob_of(const reading_in *r, const ocitar_line *line)
{
    return ocitar_catalog_blob(&r->catalog, &line->descriptor.digest);
}

/* The n-th thing of a role that stands in a document. */
static const ocitar_line *member(const reading_in *r, const ocitar_line *blob,
                                 uint8_t role, uint32_t n)
{
    uint32_t i;

    for (i = 0; blob != NULL && i < blob->count; i++) {
        const ocitar_line *line = &r->catalog.lines[blob->first + i];

        if (line->role == role && line->position == n)
            return line;
    }
    return NULL;
}

static const char *name_of(const ocitar_line *line)
{
    return line->descriptor.reference != NULL ? line->descriptor.reference
           : line->reference != NULL          ? line->reference
                                              : "(no name)";
}

/* Of a manifest, or of its config if its descriptor has none. */
static ocitar_platform platform_of(const reading_in *r,
                                   const ocitar_line *line)
{
    ocitar_platform p = line->descriptor.platform;
    const ocitar_line *config = member(r, blob_of(r, line),
                                       OCITAR_ROLE_CONFIG, 0);
    const ocitar_line *said =
        config != NULL ? member(r, blob_of(r, config), OCITAR_ROLE_PLATFORM, 0)
                       : NULL;

    return p.architecture != NULL || said == NULL ? p
                                                  : said->descriptor.platform;
}

/* What could confuse a terminal becomes '?'. */
static void print_text(const char *s)
{
    for (; *s != 0; s++)
        putchar((unsigned char)*s < ' ' || *s == 127 ? '?' : *s);
}

static void list_text(const reading_in *r, const ocitar_line *line, int depth)
{
    const ocitar_line *blob = blob_of(r, line), *layer;
    const ocitar_descriptor *d = &line->descriptor;
    ocitar_platform p = platform_of(r, line);
    char digest[OCITAR_DIGEST_TEXT_MAX];
    uint32_t n;

    ocitar_digest_format(&d->digest, digest);
    printf("%*s", depth, "");
    print_text(name_of(line));
    printf("  %s%s%s%s%s  %.19s\n", p.os != NULL ? p.os : "-",
           p.architecture != NULL ? "/" : "",
           p.architecture != NULL ? p.architecture : "",
           p.variant != NULL ? "/" : "", p.variant != NULL ? p.variant : "",
           digest);
    for (n = 0; (layer = member(r, blob, OCITAR_ROLE_LAYER, n)) != NULL; n++) {
        ocitar_digest_format(&layer->descriptor.digest, digest);
        printf("%*s%12llu  %.19s  ", depth + 2, "",
               (unsigned long long)layer->descriptor.size, digest);
        print_text(layer->title != NULL ? layer->title
                   : layer->descriptor.media_type != NULL
                       ? layer->descriptor.media_type
                       : "");
        putchar('\n');
    }
}

static void json_line(const ocitar_line *line, const char *before)
{
    const ocitar_descriptor *d = &line->descriptor;

    json_digest(stdout, before, "digest", &d->digest);
    json_size(stdout, ",", "size", d->size);
    if (d->media_type != NULL)
        json_text(stdout, ",", "mediaType", d->media_type);
    if (d->artifact_type != NULL)
        json_text(stdout, ",", "artifactType", d->artifact_type);
    if (line->title != NULL)
        json_text(stdout, ",", "title", line->title);
}

static void list_json(const reading_in *r, const ocitar_line *line)
{
    const ocitar_line *blob = blob_of(r, line), *m;
    ocitar_platform p = platform_of(r, line);
    uint32_t n;

    json_line(line, "{");
    if (line->descriptor.reference != NULL)
        json_text(stdout, ",", "name", line->descriptor.reference);
    if (line->reference != NULL)
        json_text(stdout, ",", "reference", line->reference);
    if (p.architecture != NULL && p.os != NULL)
        json_platform(stdout, &p);
    m = member(r, blob, OCITAR_ROLE_CONFIG, 0);
    if (m != NULL) {
        json_key(stdout, ",", "config");
        json_line(m, "{");
        putchar('}');
    }
    json_key(stdout, ",", "layers");
    putchar('[');
    for (n = 0; (m = member(r, blob, OCITAR_ROLE_LAYER, n)) != NULL; n++) {
        json_line(m, n == 0 ? "{" : ",{");
        putchar('}');
    }
    printf("]");
}

/* What index.json names, and in nested indexes what those name. */
static void list_all(const reading_in *r, uint32_t document, int depth)
{
    const ocitar_catalog *c = &r->catalog;
    const ocitar_line *inner;
    uint32_t i, n, count = 0;

    for (i = 0; i < c->used; i++) {
        const ocitar_line *line = &c->lines[i];

        if (line->role != OCITAR_ROLE_MANIFEST || line->document != document)
            continue;
        if (r->o->json && count++ > 0)
            putchar(',');
        if (r->o->json)
            list_json(r, line);
        else
            list_text(r, line, depth);
        if (r->o->json)
            json_key(stdout, ",", "manifests"), putchar('[');
        for (n = 0; (inner = member(r, blob_of(r, line), OCITAR_ROLE_MANIFEST,
                                    n)) != NULL;
             n++) {
            if (r->o->json) {
                if (n > 0)
                    putchar(',');
                list_json(r, inner);
                putchar('}');
            } else {
                list_text(r, inner, depth + 2);
            }
        }
        if (r->o->json)
            printf("]}");
    }
}

static int command_ls(const options *o)
{
    static reading_in r;
    int done = open_reading(&r, o, o->operands.items[0], 0);

    r.listing = 1;
    if (done == DONE)
        done = read_layout(&r);
    progress_end();
    if (done == DONE) {
        if (o->json)
            json_text(stdout, "{", "archive", r.path),
                json_key(stdout, ",", "images"), putchar('[');
        list_all(&r, OCITAR_IN_INDEX, 0);
        if (o->json)
            printf("]}\n");
        done = written(stdout, 1);
    }
    if (done == DONE)
        done = complain_findings(&r);
    close_reading(&r);
    return done;
}

/* ---- cat --------------------------------------------------------------- */

/* Where a blob's bytes come from. */
static int open_blob(reading_in *r, const ocitar_line *blob,
                     ocitar_source *out)
{
    char name[OCITAR_DIGEST_TEXT_MAX + 8] = "blobs/";

    if (r->descriptor >= 0) {
        *out = r->source;
        return DONE;
    }
    if (ocitar_digest_format(&blob->descriptor.digest, name + 6) == 0) {
        complain("%s: a digest of an algorithm that is not known", r->shown);
        return FAILED;
    }
    *strchr(name, ':') = '/';
    if (ocitar_layout_reader(&r->layout, name, out) == OCITAR_OK) {
        out->get_at_fn = NULL; /* it is the blob, from its start */
        return DONE;
    }
    complain("%s/%s: %s", r->path, name,
             strerror(ocitar_directory_error(&r->directory)->user_code));
    return FAILED;
}

static int cat_blob(reading_in *r, const ocitar_line *blob)
{
    static unsigned char buffer[PIECE];
    ocitar_verified v;
    ocitar_source from, s;
    size_t n = 1;
    int code;

    if (open_blob(r, blob, &from) != DONE ||
        ocitar_verified_begin(&v, blob, &from, &s) != OCITAR_OK)
        return FAILED;
    while (n > 0) {
        code = s.get_fn(s.user, buffer, sizeof buffer, &n);
        if (code != 0) {
            complain("%s: %s", r->shown,
                     code == OCITAR_E_DIGEST
                         ? "what was written is not what the digest says"
                     : code == OCITAR_E_SIZE ? "it became shorter"
                                             : strerror(code));
            return FAILED;
        }
        if (fwrite(buffer, 1, n, stdout) != n)
            return written(stdout, 0);
    }
    return written(stdout, 1);
}

static int command_cat(const options *o)
{
    static reading_in r;
    const char *want = o->operands.items[1];
    const ocitar_line *line = NULL, *blob = NULL;
    ocitar_digest digest;
    int done = open_reading(&r, o, o->operands.items[0], 1);

    r.listing = 1;
    if (done == DONE)
        done = read_layout(&r);
    progress_end();
    if (done == DONE && ocitar_digest_parse(&digest, want, 0) == OCITAR_OK &&
        o->image.platform.architecture == NULL)
        blob = ocitar_catalog_blob(&r.catalog, &digest);
    else if (done == DONE)
        line = ocitar_catalog_find(&r.catalog, NULL, want,
                                   o->image.platform.architecture != NULL
                                       ? &o->image.platform
                                       : NULL);
    if (line != NULL)
        blob = blob_of(&r, line);
    if (done == DONE && blob == NULL) {
        complain("%s: no %s%s in it", r.shown, want,
                 o->image.platform.architecture != NULL ? " of that platform"
                                                        : "");
        done = FAILED;
    }
    if (done == DONE)
        done = cat_blob(&r, blob);
    close_reading(&r);
    return done;
}

/* ---- index and export: from layouts to an archive ---------------------- */

typedef struct transfer {
    const options *o;
    reading_in *in;
    size_t count;
    ocitar_output output;
    const char *shown;
    ocitar_archive archive;
    const ocitar_directory *directory; /* or into this, if not NULL */
    ocitar_layout layout;
    ocitar_index index;
    ocitar_descriptor *pool;
    ocitar_key *keys;
    uint32_t images;
    uint32_t lines; /* of all layouts */
    size_t slots;   /* that their images take, with all of their names */
    uint32_t taken;
} transfer;

static int transfer_fail(const transfer *t, const reading_in *in)
{
    const ocitar_error *e = t->directory != NULL
                                ? ocitar_directory_error(t->directory)
                                : ocitar_archive_error(&t->archive);
    char why[OCITAR_ERROR_MAX];

    ocitar_error_format(e, why, sizeof why);
    if (e->code == OCITAR_E_SINK || e->code == OCITAR_E_SYSTEM)
        complain("%s: %s", t->shown, strerror(e->user_code));
    else if (e->code == OCITAR_E_SOURCE && e->user_code != 0)
        complain("%s: %s", in != NULL ? in->shown : t->shown,
                 strerror(e->user_code));
    else
        complain("%s: %s", in != NULL ? in->shown : t->shown, why);
    return FAILED;
}

/* What is written must be none of what is read. */
static int transfer_apart(const transfer *t)
{
    struct stat out, st;
    size_t i;

    if (t->output.directory >= 0 ||
        fstat(t->output.fd.descriptor, &out) != 0 || !S_ISREG(out.st_mode))
        return DONE;
    for (i = 0; i < t->count; i++)
        if (t->in[i].descriptor >= 0 &&
            fstat(t->in[i].descriptor, &st) == 0 && same_file(&st, &out)) {
            complain("%s: this is the output", t->in[i].shown);
            return FAILED;
        }
    return DONE;
}

static int transfer_open(transfer *t)
{
    input layout = OCITAR_ZERO;
    size_t i;
    int code = 0;

    layout.descriptor = -1;
    for (i = 0; i < t->count; i++) {
        layout.path = t->in[i].path;
        if (t->in[i].descriptor < 0 && stat(layout.path, &layout.info) == 0 &&
            check_outside(t->o->output, &layout, 1) != DONE)
            return FAILED;
    }

    t->shown = strcmp(t->o->output, "-") == 0 ? "standard output"
                                              : t->o->output;
    if (ocitar_output_open(&t->output, t->o->output, &code) != OCITAR_OK) {
        complain("%s: %s", t->shown, strerror(code));
        return FAILED;
    }
    if (t->output.directory >= 0)
        pending_output = &t->output;
    else if (isatty(t->output.fd.descriptor)) {
        complain("%s: a tar is not written to a terminal", t->shown);
        return FAILED;
    }
    return transfer_apart(t);
}

/* Slots of the pool: one for each manifest, and what stands in it. */
static size_t count_slots(const reading_in *in)
{
    size_t n = 0;
    uint32_t i;

    for (i = 0; i < in->catalog.used; i++) {
        const ocitar_line *line = &in->catalog.lines[i];
        const ocitar_line *blob =
            line->role == OCITAR_ROLE_MANIFEST ? blob_of(in, line) : NULL;

        n += line->role == OCITAR_ROLE_MANIFEST;
        n += blob != NULL ? blob->count : 0;
    }
    return n;
}

static int transfer_begin(transfer *t)
{
    static unsigned char buffer[PIECE];
    ocitar_archive_desc archive = OCITAR_ZERO;
    ocitar_layout_desc layout = OCITAR_ZERO;
    ocitar_index_desc index = OCITAR_ZERO;
    int code;

    t->keys = (ocitar_key *)grow(NULL, 2 * t->lines + 2, sizeof *t->keys);
    t->pool = (ocitar_descriptor *)grow(NULL, t->slots + 2, sizeof *t->pool);
    if (!t->o->dry_run)
        ocitar_fd_sink(&t->output.fd, &archive.sink);
    archive.buffer = buffer;
    archive.buffer_size = sizeof buffer;
    layout.keys = t->keys;
    layout.key_count = 2 * t->lines + 2;
    layout.algorithms = OCITAR_SHA256;
    index.descriptors = t->pool;
    index.capacity = t->slots + 2;
    index.no_docker = t->o->no_docker;
    code = ocitar_archive_begin(&t->archive, &archive);
    if (code == OCITAR_OK)
        code = ocitar_layout_begin(&t->layout, &t->archive, &layout);
    if (code == OCITAR_OK)
        code = ocitar_index_begin(&t->index, &t->layout, &index);
    return code == OCITAR_OK ? DONE : transfer_fail(t, NULL);
}

/* In a directory a blob that is given up takes its error along. */
static int copy_fail(const transfer *t, const reading_in *in, int code)
{
    if (t->directory == NULL ||
        ocitar_directory_error(t->directory)->code != 0)
        return transfer_fail(t, in);
    if (code == OCITAR_E_SYSTEM)
        complain("%s: %s", t->shown, strerror(t->directory->root.user_code));
    else
        complain("%s: %s", in->shown, ocitar_error_text(code));
    return FAILED;
}

/* The blobs that were marked, as they are; those that others have brought
   already are not written again. */
static int transfer_blobs(transfer *t, reading_in *in)
{
    static unsigned char buffer[PIECE];
    ocitar_source source;
    uint32_t i;
    int code;

    for (i = 0; i < in->catalog.used; i++) {
        const ocitar_line *blob = &in->catalog.lines[i];

        if (blob->role != OCITAR_ROLE_BLOB || !blob->marked)
            continue;
        if (open_blob(in, blob, &source) != DONE)
            return FAILED;
        code = ocitar_catalog_copy(blob, &source, 0, &t->layout, buffer,
                                   sizeof buffer);
        if (code != OCITAR_OK)
            return copy_fail(t, in, code);
        progress_read(blob->descriptor.size);
    }
    return DONE;
}

/* A manifest or index as it stands, under a new name or its own. */
static int transfer_line(transfer *t, const reading_in *in,
                         const ocitar_line *line, const char *name)
{
    const ocitar_line *blob = blob_of(in, line), *m;
    ocitar_descriptor d = line->descriptor, *layers;
    ocitar_reference ref;
    uint32_t n, count = 0;
    int code;

    while (member(in, blob, OCITAR_ROLE_LAYER, count) != NULL)
        count++;
    layers = (ocitar_descriptor *)grow(NULL, count + 1, sizeof *layers);
    for (n = 0; n < count; n++)
        layers[n] = member(in, blob, OCITAR_ROLE_LAYER, n)->descriptor;
    d.platform = platform_of(in, line);
    if (d.artifact_type != NULL)
        d.platform = line->descriptor.platform;
    m = member(in, blob, OCITAR_ROLE_CONFIG, 0);
    if (m != NULL && d.artifact_type == NULL && d.platform.os != NULL)
        d.diff_id = m->descriptor.digest;
    if (d.raw == NULL) {
        complain("%s: a descriptor of more than 64 KiB", in->shown);
        code = OCITAR_E_LIMIT;
    } else {
        if (t->o->nested)
            d.reference = NULL; /* the index around it has the name */
        else if (name != NULL) /* else the names in `raw` stay */
            d.reference = name;
        else if (d.reference != NULL &&
                 (ocitar_reference_parse(&ref, d.reference, 0) != OCITAR_OK ||
                  ref.digest != NULL))
            d.reference = NULL; /* not one of ours: it stays in `raw` only */
        code = ocitar_index_add(&t->index, &d, layers, count);
        if (code != OCITAR_OK)
            transfer_fail(t, in);
    }
    free(layers);
    t->taken += code == OCITAR_OK;
    return code == OCITAR_OK ? DONE : FAILED;
}

static int transfer_end(transfer *t)
{
    int code = ocitar_index_end(&t->index);

    if (code == OCITAR_OK)
        code = ocitar_archive_finish(&t->archive);
    if (code != OCITAR_OK)
        return transfer_fail(t, NULL);
    if (t->o->dry_run)
        return DONE;
    if (ocitar_output_commit(&t->output, 0, &code) == OCITAR_OK &&
        (strcmp(t->o->output, "-") != 0 || close(STDOUT_FILENO) == 0))
        return DONE;
    complain("%s: %s", t->shown, strerror(code != 0 ? code : errno));
    return FAILED;
}

/* What was made, for people and scripts. */
static int transfer_report(const transfer *t)
{
    FILE *to = strcmp(t->o->output, "-") == 0 && !t->o->dry_run ? stderr
                                                                : stdout;
    const ocitar_digest *digest = ocitar_index_digest(&t->index);
    uint64_t size = ocitar_archive_size(&t->archive);
    char text[OCITAR_DIGEST_TEXT_MAX];

    ocitar_digest_format(digest, text);
    if (t->o->json) {
        json_text(to, "{", "output", t->o->output);
        json_key(to, ",", "dryRun");
        fputs(t->o->dry_run ? "true" : "false", to);
        json_size(to, ",", "size", size);
        json_digest(to, ",", "index", digest);
        json_size(to, ",", "images", t->taken);
        return written(to, fputs("}\n", to) >= 0);
    }
    if (t->o->quiet)
        return DONE;
    return written(to, fprintf(to, "%u image%s  %llu bytes  %s  -> %s\n",
                               t->taken, t->taken == 1 ? "" : "s",
                               (unsigned long long)size, text,
                               t->o->dry_run ? "nothing written"
                                             : t->shown) > 0);
}

/* Reads all layouts before anything is written. */
static int transfer_read(transfer *t, const list *paths, size_t count)
{
    size_t i;
    int done = DONE;

    t->in = (reading_in *)grow(NULL, count, sizeof *t->in);
    memset(t->in, 0, count * sizeof *t->in);
    for (i = 0; i < count; i++)
        t->in[i].descriptor = -1;
    for (; done == DONE && t->count < count; t->count++) {
        reading_in *in = &t->in[t->count];

        in->listing = 1;
        done = open_reading(in, t->o, paths->items[t->count], 1);
        if (done == DONE)
            done = read_layout(in);
        if (done == DONE)
            done = complain_findings(in);
        t->lines += in->catalog.used;
        t->slots += count_slots(in);
    }
    return done;
}

static int transfer_all(transfer *t, int (*fill)(transfer *t))
{
    int done = t->o->dry_run ? DONE : transfer_open(t);

    if (done == DONE)
        done = transfer_begin(t);
    if (done == DONE)
        done = fill(t);
    progress_end();
    if (done == DONE)
        done = transfer_end(t);
    if (!t->o->dry_run)
        ocitar_output_abandon(&t->output); /* nothing, after a commit */
    pending_output = NULL;
    return done == DONE ? transfer_report(t) : done;
}

static void transfer_free(transfer *t)
{
    size_t i;

    for (i = 0; i < t->count; i++)
        close_reading(&t->in[i]);
    free(t->in);
    free(t->pool);
    free(t->keys);
}

/* ---- index ------------------------------------------------------------- */

/* Is there one of that platform already? */
static int platform_twice(const transfer *t, const ocitar_platform *p)
{
    size_t i;

    for (i = 0; i < t->index.count; i++) {
        const ocitar_platform *q = &t->pool[i].platform;

        if (t->pool[i].kind != 0 && q->architecture != NULL &&
            p->architecture != NULL &&
            strcmp(q->architecture, p->architecture) == 0 &&
            strcmp(q->os, p->os) == 0 &&
            strcmp(q->variant != NULL ? q->variant : "",
                   p->variant != NULL ? p->variant : "") == 0)
            return 1;
    }
    return 0;
}

/* An image of one layout; an index in it is taken apart. */
static int index_line(transfer *t, reading_in *in, const ocitar_line *line)
{
    const ocitar_line *blob = blob_of(in, line), *inner;
    ocitar_platform p = platform_of(in, line);
    uint32_t n;
    int done = DONE;

    if (member(in, blob, OCITAR_ROLE_MANIFEST, 0) != NULL) {
        for (n = 0; done == DONE &&
                    (inner = member(in, blob, OCITAR_ROLE_MANIFEST, n)) !=
                        NULL;
             n++)
            done = index_line(t, in, inner);
        return done;
    }
    if (p.architecture != NULL && line->descriptor.artifact_type == NULL &&
        platform_twice(t, &p)) {
        complain("%s: a second image for %s/%s%s%s", in->shown, p.os,
                 p.architecture, p.variant != NULL ? "/" : "",
                 p.variant != NULL ? p.variant : "");
        return FAILED;
    }
    if (ocitar_catalog_mark(&in->catalog, line, 1) > 0) {
        complain("%s: it lacks blobs of %s", in->shown, name_of(line));
        return FAILED;
    }
    return transfer_line(t, in, line, t->o->nested ? NULL : t->o->name);
}

static int index_fill(transfer *t)
{
    ocitar_nest_desc nest = OCITAR_ZERO;
    size_t i;
    uint32_t n;
    int done = DONE;

    nest.reference = t->o->name;
    if (t->o->nested && ocitar_index_nest(&t->index, &nest) != OCITAR_OK)
        return transfer_fail(t, NULL);
    for (i = 0; done == DONE && i < t->count; i++) {
        reading_in *in = &t->in[i];

        for (n = 0; done == DONE && n < in->catalog.used; n++)
            if (in->catalog.lines[n].role == OCITAR_ROLE_MANIFEST &&
                in->catalog.lines[n].document == OCITAR_IN_INDEX)
                done = index_line(t, in, &in->catalog.lines[n]);
        if (done == DONE)
            done = transfer_blobs(t, in);
    }
    if (done == DONE && t->o->nested &&
        ocitar_index_unnest(&t->index) != OCITAR_OK)
        return transfer_fail(t, NULL);
    return done;
}

static int command_index(options *o)
{
    static transfer t;
    char *output = output_name(o);
    int done;

    o->output = output;
    t.o = o;
    t.output.directory = -1;
    t.output.fd.descriptor = -1;
    done = transfer_read(&t, &o->operands, o->operands.count);
    if (done == DONE)
        done = transfer_all(&t, index_fill);
    transfer_free(&t);
    free(output);
    return done;
}

/* ---- export ------------------------------------------------------------ */

/* One that was found in a nested index has only the name of that. */
static const char *outer_name(const ocitar_line *outer,
                              const ocitar_line *line)
{
    const char *name = outer->descriptor.reference;
    ocitar_reference ref;

    return outer != line && line->descriptor.reference == NULL &&
                   name != NULL &&
                   ocitar_reference_parse(&ref, name, 0) == OCITAR_OK &&
                   ref.digest == NULL
               ? name
               : NULL;
}

/* All images, or those that were named. */
static int export_fill(transfer *t)
{
    reading_in *in = &t->in[0];
    const options *o = t->o;
    const ocitar_platform *p =
        o->image.platform.architecture != NULL ? &o->image.platform : NULL;
    size_t i, count = o->operands.count > 2 ? o->operands.count - 2 : 1;
    int done = DONE;

    for (i = 0; done == DONE && i < count; i++) {
        const char *want = o->operands.count > 2 ? o->operands.items[2 + i]
                                                 : NULL;
        uint32_t cursor = 0, found = 0;
        ocitar_line *line;

        while (done == DONE &&
               (line = ocitar_catalog_find(&in->catalog, &cursor, want, p)) !=
                   NULL) {
            found++;
            if (line->marked) /* by another of its names */
                continue;
            line->marked = 1;
            if (ocitar_catalog_mark(&in->catalog, line, 1) > 0 && !o->quiet)
                complain("%s: it lacks blobs of %s", in->shown,
                         name_of(line));
            done = transfer_line(
                t, in, line, outer_name(&in->catalog.lines[cursor - 1], line));
        }
        if (done == DONE && found == 0 && (want != NULL || p != NULL)) {
            complain("%s: no %s%s in it", in->shown,
                     want != NULL ? want : "image",
                     p != NULL ? " of that platform" : "");
            done = FAILED;
        }
    }
    return done == DONE ? transfer_blobs(t, in) : done;
}

static int command_export(options *o)
{
    static transfer t;
    int done;

    t.o = o;
    t.output.directory = -1;
    t.output.fd.descriptor = -1;
    o->output = o->operands.items[1];
    done = transfer_read(&t, &o->operands, 1);
    if (done == DONE)
        done = transfer_all(&t, export_fill);
    transfer_free(&t);
    return done;
}

/* ---- import ------------------------------------------------------------ */

#include "ocitar_docker.h"

/* The annotations of an index.json, which a new one keeps. */
typedef struct index_notes {
    ocitar_json json;
    pairs notes;
    char text[PIECE];
    char key[PIECE];
    size_t key_len;
    uint8_t inside; /* the object of annotations */
    uint8_t next;   /* it is the value that comes */
} index_notes;

static int note_token(void *user, int token, const char *text, size_t len)
{
    index_notes *n = (index_notes *)user;
    ocitar_pair *p;
    char *copy;

    if (token == OCITAR_JSON_PART)
        return OCITAR_E_LIMIT;
    if (n->json.depth == 1 && token == OCITAR_JSON_KEY)
        n->next = len == 11 && memcmp(text, "annotations", 11) == 0;
    else if (n->json.depth == 2 && token == OCITAR_JSON_OBJECT)
        n->inside = n->next;
    else if (token == OCITAR_JSON_OBJECT_END && n->json.depth == 1)
        n->inside = n->next = 0;
    if (!n->inside || n->json.depth != 2)
        return 0;
    if (token == OCITAR_JSON_KEY) {
        memcpy(n->key, text, len);
        n->key_len = len;
    } else if (token == OCITAR_JSON_STRING) {
        pairs *all = &n->notes;

        all->items = (ocitar_pair *)grow(all->items, all->count + 1,
                                         sizeof *all->items);
        all->texts = (char **)grow(all->texts, all->count + 1,
                                   sizeof *all->texts);
        copy = (char *)grow(NULL, n->key_len + len + 2, 1);
        memcpy(copy, n->key, n->key_len);
        copy[n->key_len] = 0;
        memcpy(copy + n->key_len + 1, text, len);
        copy[n->key_len + 1 + len] = 0;
        p = &all->items[all->count];
        memset(p, 0, sizeof *p);
        p->key = copy;
        p->value = copy + n->key_len + 1;
        all->texts[all->count++] = copy;
    }
    return 0;
}

/* Of the layout that is there. */
static int read_notes(const char *path, index_notes *n)
{
    static char buffer[PIECE];
    char name[4096];
    ssize_t got = 1;
    int fd, code;

    snprintf(name, sizeof name, "%s/index.json", path);
    fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    n->json.token_fn = note_token;
    n->json.user = n;
    n->json.buffer = n->text;
    n->json.capacity = sizeof n->text;
    code = fd < 0 ? OCITAR_E_SYSTEM : ocitar_json_begin(&n->json);
    while (code == OCITAR_OK && (got = read(fd, buffer, sizeof buffer)) > 0)
        code = ocitar_json_push(&n->json, buffer, (size_t)got);
    if (code != OCITAR_OK || got < 0)
        complain("%s: %s", name, got < 0 || fd < 0
                                     ? strerror(errno)
                                     : ocitar_error_text(code));
    if (fd >= 0)
        close(fd);
    return code == OCITAR_OK && got == 0 ? DONE : FAILED;
}

typedef struct importing {
    transfer t; /* in[0] is what comes, in[1] what is there */
    ocitar_directory directory;
    index_notes notes;
    int old; /* is there a layout? */
} importing;

static const char *full_name(const ocitar_line *line, const char *name,
                             char *out, size_t size)
{
    const char *n = name != NULL ? name : line->descriptor.reference;
    ocitar_reference ref;

    if (n == NULL)
        return line->reference;
    snprintf(out, size, "%s%s", n,
             ocitar_reference_parse(&ref, n, 0) == OCITAR_OK &&
                     ref.tag == NULL
                 ? ":latest"
                 : "");
    return out;
}

/* Does what comes have the name of this one, which is there? */
static int replaced(const importing *m, const ocitar_line *line)
{
    const reading_in *in = &m->t.in[0];
    char a[1024], b[1024];
    const char *was = full_name(line, NULL, a, sizeof a), *is;
    uint32_t i;

    for (i = 0; i < in->catalog.used; i++) {
        const ocitar_line *l = &in->catalog.lines[i];

        if (l->role != OCITAR_ROLE_MANIFEST ||
            l->document != OCITAR_IN_INDEX)
            continue;
        is = full_name(l, m->t.o->name, b, sizeof b);
        if (was == NULL || is == NULL
                ? was == is && ocitar_digest_equal(&l->descriptor.digest,
                                                   &line->descriptor.digest)
                : strcmp(was, is) == 0)
            return 1;
    }
    return 0;
}

/* Marks what an image needs. Of an index some platforms may be elsewhere, but
   those that are here must be whole. */
static int lacks_blobs(reading_in *in, const ocitar_line *line)
{
    const ocitar_line *blob = blob_of(in, line), *inner;
    uint32_t n, here = 0, missing = 0;

    if (blob == NULL || member(in, blob, OCITAR_ROLE_MANIFEST, 0) == NULL)
        return ocitar_catalog_mark(&in->catalog, line, 1) > 0;
    for (n = 0;
         (inner = member(in, blob, OCITAR_ROLE_MANIFEST, n)) != NULL; n++)
        if (blob_of(in, inner) != NULL) {
            here++;
            missing += ocitar_catalog_mark(&in->catalog, inner, 1);
        }
    ocitar_catalog_mark(&in->catalog, line, 1);
    return here == 0 || missing > 0;
}

/* Is it one image for several platforms, all under one name? */
static int one_name(const reading_in *in)
{
    const char *first = NULL, *name;
    uint32_t i;

    for (i = 0; i < in->catalog.used; i++) {
        const ocitar_line *line = &in->catalog.lines[i];

        if (line->role != OCITAR_ROLE_MANIFEST ||
            line->document != OCITAR_IN_INDEX)
            continue;
        name = line->descriptor.reference != NULL ? line->descriptor.reference
                                                  : line->reference;
        if (name == NULL || line->descriptor.artifact_type != NULL ||
            (first != NULL && strcmp(first, name) != 0))
            return 0;
        first = name;
    }
    return first != NULL;
}

/* Before anything is written: is it complete, and does the NAME fit? */
static int import_complete(const importing *m)
{
    reading_in *in = &m->t.in[0];
    uint32_t i, count = 0;

    for (i = 0; i < in->catalog.used; i++) {
        const ocitar_line *line = &in->catalog.lines[i];

        if (line->role != OCITAR_ROLE_MANIFEST ||
            line->document != OCITAR_IN_INDEX)
            continue;
        count++;
        if (lacks_blobs(in, line)) {
            complain("%s: it lacks blobs of %s", in->shown, name_of(line));
            return FAILED;
        }
    }
    if (m->t.o->name == NULL || count == 1 || one_name(in))
        return DONE;
    complain("%s: it has %u images, and one NAME cannot be that of all",
             in->shown, count);
    return FAILED;
}

static int import_lines(importing *m, reading_in *in, int old)
{
    uint32_t i;
    int done = DONE;

    for (i = 0; done == DONE && i < in->catalog.used; i++) {
        const ocitar_line *line = &in->catalog.lines[i];

        if (line->role != OCITAR_ROLE_MANIFEST ||
            line->document != OCITAR_IN_INDEX || (old && replaced(m, line)))
            continue;
        done = transfer_line(&m->t, in, line, old ? NULL : m->t.o->name);
    }
    return done;
}

/* Nothing, or what an import leaves that did not come to its end. */
static int is_begun(const char *path)
{
    size_t count, i;
    char **names = list_directory(path, &count);
    int others = 0;

    for (i = 0; names != NULL && i < count; i++) {
        others += strcmp(names[i], "blobs") != 0 && !is_leftover(names[i]);
        free(names[i]);
    }
    free(names);
    return others == 0; /* none: to be made, or opening tells why not */
}

/* What is there, if it is a layout; a directory with other things in it is
   none of ours. */
static int import_target(importing *m, const char *path)
{
    reading_in *in = &m->t.in[1];
    char name[4096];
    struct stat st;

    snprintf(name, sizeof name, "%s/index.json", path);
    m->old = lstat(name, &st) == 0;
    if (!m->old) {
        if (is_begun(path))
            return DONE;
        snprintf(name, sizeof name, "%s/oci-layout", path);
        if (lstat(name, &st) == 0)
            return DONE; /* its first image was not complete */
        complain("%s: not empty, and no image layout", path);
        return FAILED;
    }
    in->listing = in->only_root = 1;
    m->t.count = 2;
    if (open_reading(in, m->t.o, path, 0) != DONE || read_layout(in) != DONE)
        return FAILED;
    m->t.lines += in->catalog.used;
    m->t.slots += count_slots(in);
    return complain_findings(in) == DONE ? read_notes(path, &m->notes)
                                         : FAILED;
}

/* Blobs first and index.json last: until then the layout is what it was. */
static int import_write(importing *m)
{
    transfer *t = &m->t;
    ocitar_layout_desc layout = OCITAR_ZERO;
    ocitar_index_desc index = OCITAR_ZERO;
    int code = 0;

    if (ocitar_directory_begin(&m->directory, t->shown, 0, &code) !=
        OCITAR_OK) {
        complain("%s: %s", t->shown, strerror(code));
        return FAILED;
    }
    t->directory = &m->directory;
    t->pool = (ocitar_descriptor *)grow(NULL, t->slots + 2, sizeof *t->pool);
    ocitar_directory_layout(&m->directory, &layout);
    index.descriptors = t->pool;
    index.capacity = t->slots + 2;
    index.no_docker = 1;
    index.annotations = m->notes.notes.items;
    index.annotation_count = m->notes.notes.count;
    if (ocitar_layout_begin(&t->layout, NULL, &layout) != OCITAR_OK ||
        ocitar_index_begin(&t->index, &t->layout, &index) != OCITAR_OK)
        return transfer_fail(t, NULL);
    if ((m->old && import_lines(m, &t->in[1], 1) != DONE) ||
        import_lines(m, &t->in[0], 0) != DONE ||
        transfer_blobs(t, &t->in[0]) != DONE)
        return FAILED;
    if (ocitar_index_end(&t->index) != OCITAR_OK)
        return transfer_fail(t, NULL);
    /* docker's, if pack left one there, does not name what came */
    code = ocitar_layout_remove(&t->layout, "manifest.json");
    if ((code != OCITAR_OK && m->directory.root.user_code != ENOENT) ||
        ocitar_directory_finish(&m->directory) != OCITAR_OK)
        return transfer_fail(t, NULL);
    return DONE;
}

static int import_report(const importing *m)
{
    const ocitar_digest *digest = ocitar_index_digest(&m->t.index);
    char text[OCITAR_DIGEST_TEXT_MAX];

    ocitar_digest_format(digest, text);
    if (m->t.o->json) {
        json_text(stdout, "{", "output", m->t.shown);
        json_digest(stdout, ",", "index", digest);
        json_size(stdout, ",", "images", m->t.taken);
        return written(stdout, puts("}") >= 0);
    }
    if (m->t.o->quiet)
        return DONE;
    return written(stdout, printf("%u image%s  %s  -> %s\n", m->t.taken,
                                  m->t.taken == 1 ? "" : "s", text,
                                  m->t.shown) > 0);
}

static int command_import(options *o)
{
    static importing m;
    int done;

    m.t.o = o;
    m.t.shown = o->operands.items[1];
    m.t.in = (reading_in *)grow(NULL, 2, sizeof *m.t.in);
    memset(m.t.in, 0, 2 * sizeof *m.t.in);
    m.t.in[0].descriptor = m.t.in[1].descriptor = -1;
    m.t.in[0].listing = 1;
    m.t.count = 1;
    done = open_reading(&m.t.in[0], o, o->operands.items[0], 1);
    if (done == DONE)
        done = read_layout(&m.t.in[0]);
    if (done == DONE)
        done = convert_docker(&m.t.in[0]);
    if (done == DONE)
        done = complain_findings(&m.t.in[0]);
    m.t.lines = m.t.in[0].catalog.used;
    m.t.slots = done == DONE ? count_slots(&m.t.in[0]) : 0;
    if (done == DONE)
        done = import_complete(&m);
    if (done == DONE)
        done = import_target(&m, o->operands.items[1]);
    if (done == DONE)
        done = import_write(&m);
    progress_end();
    ocitar_directory_end(&m.directory);
    if (done == DONE)
        done = import_report(&m);
    pairs_free(&m.notes.notes);
    transfer_free(&m.t);
    return done;
}

/* ---- all of them ------------------------------------------------------- */

/* How many operands there are, and which may be standard input. */
static int complete_read(options *o)
{
    static const char *const wanted[] = {
        "ARCHIVE is missing", "ARCHIVE, and DIGEST or NAME, are missing",
        "ARCHIVE or NAME is missing", "LAYOUT or ARCHIVE is missing",
        "ARCHIVE or LAYOUT_DIR is missing"};
    size_t n = o->operands.count, stdins = 0, i;
    size_t least = o->command == VERIFY || o->command == LS ? 1 : 2;
    size_t most = o->command == INDEX || o->command == EXPORT ? SIZE_MAX
                  : o->command == IMPORT                      ? 3
                                                              : least;

    if (n < least)
        return wrong(help_command + strlen("ocitar "), NULL,
                     wanted[o->command == CAT      ? 1
                            : o->command == INDEX  ? 2
                            : o->command == EXPORT ? 3
                            : o->command == IMPORT ? 4
                                                   : 0]);
    if (n > most)
        return wrong(o->operands.items[most], NULL, "one operand too many");
    for (i = 0; i < n; i++) {
        if (o->operands.items[i][0] == 0)
            return wrong(help_command + strlen("ocitar "), NULL,
                         "an empty operand");
        stdins += strcmp(o->operands.items[i], "-") == 0;
    }
    if (o->command == INDEX && stdins > 1)
        return wrong("-", NULL, "standard input can be read only once");
    if (o->command == INDEX && !is_reference(o->operands.items[n - 1]))
        return wrong(o->operands.items[n - 1], NULL,
                     "not a NAME or NAME:TAG");
    if (o->command == INDEX)
        o->name = o->image.reference = o->operands.items[--o->operands.count];
    if (o->command == IMPORT && n == 3) {
        o->name = o->operands.items[2];
        if (!is_reference(o->name))
            return wrong(o->name, NULL, "not a NAME or NAME:TAG");
    }
    if (o->image.platform.architecture != NULL)
        translate_architecture(&o->image.platform);
    return -1;
}

static int run_read(options *o)
{
    int code = complete_read(o);

    if (code >= 0)
        return code;
    if (!o->quiet && (o->progress || (!o->json && isatty(STDERR_FILENO))))
        progress_begin(0);
    switch (o->command) {
    case VERIFY:
        return command_verify(o);
    case LS:
        return command_ls(o);
    case CAT:
        return command_cat(o);
    case INDEX:
        return command_index(o);
    case IMPORT:
        return command_import(o);
    default:
        return command_export(o);
    }
}

#endif
