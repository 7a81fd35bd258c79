/* ocitar.c - the command: root file systems become a container image, and
   other files an artifact.

       ocitar pack [options] ROOTFS... NAME[:TAG]
       ocitar artifact [options] FILE[:MEDIATYPE]... NAME[:TAG]
       sloci-image [options] ROOTFS NAME[:TAG]    (a link to the command)

   What concerns images goes through the public calls of ocitar.h; what is
   here is a command's own business: options, paths, messages. Read it from
   the bottom: main, run_command, pack_image, pack_layer and add_files.

   With -DOCITAR_WITH_ZLIB ... -lz it takes and makes gzip, and with
   -DOCITAR_WITH_ZSTD ... -lzstd zstd.                                     */

#define OCITAR_IMPLEMENTATION
#include "ocitar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#ifdef OCITAR_WITH_ZLIB
#include "codec_zlib.h"
#endif
#ifdef OCITAR_WITH_ZSTD
#include "codec_zstd.h"
#endif

enum { DONE = 0, FAILED = 1, WRONG = 2 }; /* exit codes */

/* The commands: bits, so that an option can belong to several. */
enum {
    PACK = 1,
    ARTIFACT = 2,
    SLOCI = 4,
    VERIFY = 8,
    LS = 16,
    CAT = 32,
    INDEX = 64,
    EXPORT = 128,
    IMPORT = 256,
    BOTH = PACK | ARTIFACT,
    READS = VERIFY | LS | CAT | INDEX | EXPORT | IMPORT,
    ALL = BOTH | READS
};

/* ---- progress ---------------------------------------------------------- */

/* How far the run is, in bytes of its inputs: a line on standard error that
   is written over and over, and cleared in the end. */
static struct progress {
    uint64_t total; /* 0: not known */
    uint64_t done;
    uint64_t now;  /* size of the file that is being read */
    uint64_t seen; /* bytes that went out since it began */
    int64_t start; /* milliseconds */
    int64_t drawn;
    int width; /* of the line that is shown; 0: none is */
    uint8_t on;
} progress;

static int64_t milliseconds(void)
{
    struct timespec t;

    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
        return 0;
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static const char *size_text(uint64_t size, char out[32])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    double n = (double)size / 1024;
    size_t i;

    for (i = 0; i < 3 && n >= 1000; i++)
        n /= 1024;
    snprintf(out, 32, "%.1f %s", n, units[i]);
    return out;
}

static void progress_clear(void)
{
    if (progress.width > 0)
        fprintf(stderr, "\r%*s\r", progress.width, "");
    progress.width = 0;
}

static void progress_draw(int64_t now)
{
    const struct progress *p = &progress;
    uint64_t done = p->done + (p->seen < p->now ? p->seen : p->now);
    double seconds = (double)(now - p->start) / 1000;
    double rate = seconds > 0 ? (double)done / seconds : 0;
    char text[160], a[32], b[32];
    int len = snprintf(text, sizeof text, "%s", size_text(done, a));

    if (p->total > 0)
        len += snprintf(text + len, 40, " of %s", size_text(p->total, a));
    len += snprintf(text + len, 40, "  %s/s", size_text((uint64_t)rate, b));
    if (p->total > done && seconds >= 1 && rate >= 1) {
        uint64_t left = (uint64_t)((double)(p->total - done) / rate);

        len += snprintf(text + len, 40, "  %llu:%02u left",
                        (unsigned long long)left / 60, (unsigned)(left % 60));
    }
    if (len < p->width) /* over what is left of a longer line */
        len += snprintf(text + len, 80, "%*s", p->width - len, "");
    fprintf(stderr, "\r%s", text);
    progress.width = len;
    progress.drawn = now;
}

/* Something went on: a new line, but at most ten a second. */
static void progress_tick(void)
{
    int64_t now;

    if (!progress.on)
        return;
    now = milliseconds();
    if (now - progress.drawn >= 100)
        progress_draw(now);
}

static void progress_begin(uint64_t total)
{
    progress.on = 1;
    progress.total = total;
    progress.start = milliseconds();
    progress_draw(progress.start);
}

static void progress_end(void)
{
    progress_clear();
    progress.on = 0;
}

/* Bytes that were read. */
static void progress_read(uint64_t size)
{
    progress.done += size;
    progress_tick();
}

/* A file of that size is next; what was before it has been read. */
static void progress_file(uint64_t size)
{
    progress.done += progress.now;
    progress.now = size;
    progress.seen = 0;
    progress_tick();
}

/* Bytes that were written, which tell how far the file is. */
static void progress_written(uint64_t size)
{
    progress.seen += size;
    progress_tick();
}

/* ---- messages ---------------------------------------------------------- */

static const char help_text[] =
    "Usage: ocitar pack [options] ROOTFS... NAME[:TAG]\n"
    "       ocitar artifact [options] FILE[:MEDIATYPE]... NAME[:TAG]\n"
    "       ocitar index [options] ARCHIVE... NAME[:TAG]\n"
    "       ocitar ls [options] ARCHIVE\n"
    "       ocitar verify [options] ARCHIVE\n"
    "       ocitar cat [options] ARCHIVE DIGEST|NAME\n"
    "       ocitar export [options] LAYOUT ARCHIVE [NAME...]\n"
    "       ocitar import [options] ARCHIVE LAYOUT_DIR [NAME[:TAG]]\n"
    "       ocitar --version | --help | COMMAND --help\n"
    "\n"
    "pack makes a container image (OCI image layout in a tar) out of root\n"
    "file systems. Each ROOTFS is one layer, the lowest first: a directory,\n"
    "a tar file, as it is or in gzip or zstd, or \"-\" for such a tar on\n"
    "standard input. artifact makes an OCI artifact, in the same form, out\n"
    "of any files. index makes one archive for several platforms out of\n"
    "several archives. ls lists, verify checks, cat gives a blob's bytes,\n"
    "export copies images into another archive, import into a directory.\n"
    "What is read may be an archive, a layout directory, or \"-\".\n"
    "Called as sloci-image, by a link of that name, it takes the command\n"
    "line of that program.\n";

static const char pack_help_text[] =
    "Usage: ocitar pack [options] ROOTFS... NAME[:TAG]\n"
    "\n"
    "The program in the image\n"
    "  -C, --entrypoint ARG    the program and its fixed arguments (repeat)\n"
    "  -c, --cmd ARG           default arguments (repeat)\n"
    "  -e, --env NAME=VALUE    an environment variable (repeat)\n"
    "  -u, --user USER[:GROUP] who runs it, by name or number\n"
    "  -w, --working-dir DIR   where it starts\n"
    "  -p, --port PORT[/PROTO] a port it listens on (repeat)\n"
    "  -v, --volume DIR        a directory for data of its own (repeat)\n"
    "      --stop-signal NAME  what stops it, such as SIGTERM\n"
    "\n"
    "The image\n"
    "  -m, --arch ARCH         amd64, arm64, ... or what uname -m says\n"
    "      --arch-variant V    such as v7\n"
    "      --os OS             linux, if not given\n"
    "      --platform OS/ARCH[/VARIANT]   these three at once\n"
    "  -a, --author TEXT       who made it\n"
    "      --created TIME      seconds since 1970, or 2024-02-29T12:00:00Z\n"
    "  -l, --label KEY=VALUE   a label in the config (repeat)\n"
    "      --annotation KEY=VALUE   one in the manifest (repeat); for both,\n"
    "                          .x means org.opencontainers.image.x\n"
    "      --history TEXT      how a layer was made; one for each ROOTFS in\n"
    "                          order, further ones made no layer (repeat)\n"
    "      --digest ALGORITHM  sha256 (if not given), or sha512, which few\n"
    "                          programs take\n";

static const char pack_help_text_2[] =
    "      --ref NAME[:TAG]    a further name of the image (repeat)\n"
    "      --no-docker-manifest   leave out manifest.json, which docker load\n"
    "                          before version 25 needs\n"
    "      --docker-types      docker's media types and not OCI's, for what\n"
    "                          takes nothing else; without annotations\n"
    "      --compress HOW      none (if not given), gzip[:LEVEL], 0 to 9, or\n"
    "                          zstd[:LEVEL], 1 to 19: of directories and\n"
    "                          tars; what is compressed stays as it is. The\n"
    "                          bytes depend on the version of the library\n"
    "\n"
    "Files in directories (a tar is taken as it is). Owners, modes, times in\n"
    "seconds, hard links and extended attributes are kept: user., trusted.,\n"
    "capabilities and ACLs. Root alone can read trusted. ones\n"
    "      --owner UID:GID     all belong to these\n"
    "      --mtime SECONDS     later times of modification become this one\n"
    "      --mode-mask OCTAL   bits that no mode keeps, such as 6022\n"
    "      --nanoseconds       keep times in full\n"
    "      --no-xattrs         keep no extended attributes\n"
    "      --with-root         an entry ./ for the directory itself\n"
    "      --exclude PATTERN   leave out what fits, with all below it: a path\n"
    "                          in ROOTFS or, without a /, the last part of\n"
    "                          one. ? is any byte but /, * any number of\n"
    "                          them, ** of any bytes (repeat)\n";

static const char pack_help_text_3[] =
    "\n"
    "The run\n"
    "  -o, --output FILE       NAME-TAG.tar, if not given; \"-\" is standard\n"
    "                          output; DIR/ is a layout directory, not a tar\n"
    "      --memory SIZE       of a layer for a pipe, what waits in memory\n"
    "                          and not in $TMPDIR: 256K, if not given\n"
    "      --dry-run           print size and digests, write nothing\n"
    "      --json              print what was made as one JSON object; on\n"
    "                          standard error where --output - is written\n"
    "      --progress          show it on standard error; if not given, only\n"
    "                          where that is a terminal, and not with --json\n"
    "      --quiet             print nothing but errors, warnings and --json\n"
    "  -t, --tar               accepted; the output is a tar anyway\n"
    "  -V, --version           print the version\n"
    "  -h, --help              print this\n"
    "\n"
    "SOURCE_DATE_EPOCH, if set, stands in for --created and --mtime. Without\n"
    "a time the image has no date, so that the same input always gives the\n"
    "same bytes. Exit status: 0 done, 1 failed, 2 wrong command line.\n";

static const char artifact_help_text[] =
    "Usage: ocitar artifact [options] FILE[:MEDIATYPE]... NAME[:TAG]\n"
    "\n"
    "Makes an OCI artifact (firmware, a bill of materials, a signature) out\n"
    "of files. Each becomes a layer with its base name as the annotation\n"
    "org.opencontainers.image.title. MEDIATYPE is application/octet-stream\n"
    "if not given; \"-\" is standard input, which has no title.\n"
    "\n"
    "The artifact\n"
    "      --artifact-type TYPE   what it is, a media type; if not given,\n"
    "                          application/vnd.unknown.artifact.v1\n"
    "      --config FILE[:MEDIATYPE]   its config, instead of an empty one;\n"
    "                          application/vnd.unknown.config.v1+json\n"
    "      --subject DIGEST,SIZE[,MEDIATYPE]   the manifest it is about: of\n"
    "                          an image, if no MEDIATYPE is given\n"
    "      --annotation KEY=VALUE   one in the manifest; .x means\n"
    "                          org.opencontainers.image.x (repeat)\n"
    "      --created TIME      the annotation .created: seconds since 1970,\n"
    "                          or 2024-02-29T12:00:00Z\n"
    "      --platform OS/ARCH[/VARIANT]   what it is for\n"
    "      --inline SIZE       files up to SIZE, at most 4096, also stand in\n"
    "                          the manifest\n"
    "      --ref NAME[:TAG]    a further name of the artifact (repeat)\n"
    "      --digest ALGORITHM  sha256 (if not given), or sha512, which few\n"
    "                          programs take\n";

static const char artifact_help_text_2[] =
    "\n"
    "The run\n"
    "  -o, --output FILE       NAME-TAG.tar, if not given; \"-\" is standard\n"
    "                          output; DIR/ is a layout directory, not a tar\n"
    "      --memory SIZE       of standard input for a pipe, what waits in\n"
    "                          memory and not in $TMPDIR: 256K, if not given\n"
    "      --dry-run           print size and digests, write nothing\n"
    "      --json              print what was made as one JSON object; on\n"
    "                          standard error where --output - is written\n"
    "      --progress          show it on standard error; if not given, only\n"
    "                          where that is a terminal, and not with --json\n"
    "      --quiet             print nothing but errors and --json\n"
    "  -V, --version           print the version\n"
    "  -h, --help              print this\n"
    "\n"
    "SOURCE_DATE_EPOCH, if set, stands in for --created. The same input\n"
    "always gives the same bytes. Exit status: 0 done, 1 failed, 2 wrong\n"
    "command line.\n";

static const char sloci_help_text[] =
    "Usage: sloci-image [options] ROOTFS NAME[:TAG]\n"
    "\n"
    "Makes an image of one layer, compressed with gzip if this program was\n"
    "built with zlib: the new layout directory NAME, or with --tar the file\n"
    "NAME-TAG-ARCH[-VARIANT]-OS.oci-image.tar. NAME is a path, ROOTFS a\n"
    "directory or a tar, as it is or in gzip, which stays where it is.\n"
    "\n"
    "  -m, --arch ARCH         amd64, arm64, ...; what uname -m says, if not\n"
    "                          given\n"
    "      --arch-variant V    such as v7\n"
    "      --os OS             linux, if not given\n"
    "  -a, --author TEXT       who made it\n"
    "  -C, --entrypoint ARG    the program and its fixed arguments (repeat)\n"
    "  -c, --cmd ARG           default arguments (repeat)\n"
    "  -e, --env NAME=VALUE    an environment variable (repeat)\n"
    "  -l, --label KEY=VALUE   a label (repeat); .x means\n"
    "                          org.opencontainers.image.x\n"
    "  -p, --port PORT[/PROTO] a port it listens on (repeat); also --expose\n"
    "  -u, --user USER[:GROUP] who runs it, by name or number\n"
    "  -v, --volume DIR        a directory for data of its own (repeat)\n"
    "  -w, --working-dir DIR   where it starts\n"
    "  -t, --tar               a tar and not a directory\n"
    "      --debug             say on standard error what was made\n"
    "  -V, --version           print the version\n"
    "  -h, --help              print this\n"
    "\n"
    "This is ocitar, called by the name of sloci-image. SOURCE_DATE_EPOCH, if\n"
    "set, is the image's date and the latest time of a file; without it the\n"
    "image has no date. ocitar pack --help has more options.\n";

static const char verify_help_text[] =
    "Usage: ocitar verify [options] ARCHIVE\n"
    "\n"
    "Checks an archive or layout directory against the rules of the OCI image\n"
    "specification, all blobs and layers included. One line a finding: how\n"
    "bad it is, the number of the rule (they are in the README), what it is\n"
    "about (digests are cut), what should be and is not; then a summary. Exit\n"
    "status 1 if there is an error.\n"
    "      --strict            warnings are errors, and so is what is missing\n"
    "      --json              one object instead\n"
    "      --quiet             print errors only\n"
    "      --progress          show it even if nobody seems to look\n";

static const char ls_help_text[] =
    "Usage: ocitar ls [options] ARCHIVE\n"
    "\n"
    "Lists the images of an archive or layout directory: name, platform and\n"
    "digest of each, then the sizes, digests and types (or titles) of its\n"
    "layers. Exit status 1 if the layout is not valid.\n"
    "      --json              one object instead, with all of the digests\n"
    "      --progress, --quiet as elsewhere\n";

static const char cat_help_text[] =
    "Usage: ocitar cat [options] ARCHIVE DIGEST|NAME\n"
    "\n"
    "Writes the bytes of a blob, or of the manifest or index that is called\n"
    "NAME, to standard output. They are what the digest says if the exit\n"
    "status is 0.\n"
    "      --platform OS/ARCH[/VARIANT]   the manifest of that platform\n"
    "      --progress, --quiet as elsewhere\n";

static const char index_help_text[] =
    "Usage: ocitar index [options] ARCHIVE... NAME[:TAG]\n"
    "\n"
    "Makes one archive out of the images of several, one for each platform,\n"
    "all called NAME. Manifests and blobs are kept byte for byte.\n"
    "      --nested            index.json names one index, and that one the\n"
    "                          images: what containerd wants, and umoci does\n"
    "                          not take; manifest.json names the first only\n"
    "  -o, --output FILE       NAME-TAG.tar, if not given; \"-\" is standard\n"
    "                          output\n"
    "      --no-docker-manifest   leave out manifest.json\n"
    "      --dry-run           print size and digest, write nothing\n"
    "      --json              print an object instead of a line\n"
    "      --progress, --quiet as elsewhere\n";

static const char export_help_text[] =
    "Usage: ocitar export [options] LAYOUT ARCHIVE [NAME...]\n"
    "\n"
    "Writes images of a layout directory (or of an archive) into an archive,\n"
    "all of them or those that have one of the NAMEs, with what they need.\n"
    "Their names and bytes stay as they are. \"-\" is standard output.\n"
    "      --platform OS/ARCH[/VARIANT]   only what is for that platform\n"
    "      --no-docker-manifest   leave out manifest.json\n"
    "      --dry-run           print size and digest, write nothing\n"
    "      --json              print an object instead of a line\n"
    "      --progress, --quiet as elsewhere\n";

static const char import_help_text[] =
    "Usage: ocitar import [options] ARCHIVE LAYOUT_DIR [NAME[:TAG]]\n"
    "\n"
    "Takes the images of an archive into a layout directory, which is made if\n"
    "it is not there. One that has the same name is replaced in index.json;\n"
    "its blobs stay. With NAME an only image gets that name, or one that is\n"
    "there for several platforms. Nothing counts before the new index.json,\n"
    "which comes last; a manifest.json for docker, which would not name what\n"
    "came, is then removed. What `docker save` wrote before version 25\n"
    "becomes an OCI layout.\n"
    "      --json              print an object instead of a line\n"
    "      --progress, --quiet as elsewhere\n";

static const char *const import_help[] = {import_help_text, NULL};
static const char *const verify_help[] = {verify_help_text, NULL};
static const char *const ls_help[] = {ls_help_text, NULL};
static const char *const cat_help[] = {cat_help_text, NULL};
static const char *const index_help[] = {index_help_text, NULL};
static const char *const export_help[] = {export_help_text, NULL};
static const char *const general_help[] = {help_text, NULL};
static const char *const pack_help[] = {pack_help_text, pack_help_text_2,
                                        pack_help_text_3, NULL};
static const char *const artifact_help[] = {artifact_help_text,
                                            artifact_help_text_2, NULL};
static const char *const sloci_help[] = {sloci_help_text, NULL};
static const char *const sloci_version[] = {
    "sloci-image (ocitar " OCITAR_VERSION ")\n", NULL};
static const char *const version_text[] = {"ocitar " OCITAR_VERSION "\n",
                                           NULL};

static const char *const *help_of(uint16_t command)
{
    switch (command) {
    case PACK:
        return pack_help;
    case ARTIFACT:
        return artifact_help;
    case SLOCI:
        return sloci_help;
    case VERIFY:
        return verify_help;
    case LS:
        return ls_help;
    case CAT:
        return cat_help;
    case INDEX:
        return index_help;
    case IMPORT:
        return import_help;
    default:
        return export_help;
    }
}

/* A line on standard error; what could confuse a terminal becomes '?'. */
static void complain(const char *format, ...)
{
    char text[8192];
    size_t i;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (i = 0; text[i] != 0; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 127)
            text[i] = '?';
    progress_clear();
    fprintf(stderr, "ocitar: %s\n", text);
}

/* Whose help it is that helps. */
static const char *help_command = "ocitar";

/* A wrong command line: the option or operand, its value or NULL, why. */
static int wrong(const char *what, const char *value, const char *why)
{
    complain("%s%s%s: %s", what, value != NULL ? " " : "",
             value != NULL ? value : "", why);
    fprintf(stderr, "try '%s --help'\n", help_command);
    return WRONG;
}

/* Nobody is told that standard error cannot be written. What failed before
   the last flush is remembered: some C libraries forget the bytes then. */
static int written(FILE *file, int ok)
{
    if (file == stderr || (ok && !ferror(file) && fflush(file) == 0))
        return DONE;
    complain("standard output: %s", strerror(errno));
    return FAILED;
}

/* Texts one after the other, up to a NULL. */
static int print(const char *const *texts)
{
    int ok = 1;

    for (; *texts != NULL; texts++)
        ok &= fputs(*texts, stdout) >= 0;
    return written(stdout, ok);
}

/* Memory that grows; only used before anything is written. */
static void *grow(void *old, size_t count, size_t size)
{
    void *memory =
        count <= SIZE_MAX / size ? realloc(old, count * size) : NULL;

    if (memory == NULL) {
        complain("out of memory");
        exit(FAILED);
    }
    return memory;
}

/* ---- values ------------------------------------------------------------ */

/* Decimal digits and nothing else; `len` 0: up to the NUL. */
static int parse_number(const char *s, size_t len, uint64_t max, uint64_t *out)
{
    uint64_t n = 0;
    size_t i;

    if (len == 0)
        len = strlen(s);
    for (i = 0; i < len; i++) {
        uint64_t digit = (uint64_t)(s[i] - '0');

        if (s[i] < '0' || s[i] > '9' || n > (max - digit) / 10)
            return 0;
        n = n * 10 + digit;
    }
    *out = n;
    return len > 0;
}

/* A number of bytes, with K, M or G behind it. */
static int parse_size(const char *s, size_t *out)
{
    static const char units[] = "KkMmGg";
    size_t len = strlen(s), shift = 0;
    const char *unit = len > 1 ? strchr(units, s[len - 1]) : NULL;
    uint64_t n;

    if (unit != NULL) {
        shift = 10 * ((size_t)(unit - units) / 2 + 1);
        len--;
    }
    if (!parse_number(s, len, SIZE_MAX >> shift, &n))
        return 0;
    *out = (size_t)n << shift;
    return 1;
}

/* Seconds since 1970, up to the end of the year 9999. */
static int parse_epoch(const char *s, ocitar_time *out)
{
    uint64_t n;

    if (!parse_number(s, 0, 253402300799, &n))
        return 0;
    memset(out, 0, sizeof *out);
    out->seconds = (int64_t)n;
    out->set = 1;
    return 1;
}

/* Takes `digits` digits and one of the characters in `then` ("": none). */
static int take(const char **s, size_t digits, uint64_t max, const char *then,
                int64_t *out)
{
    uint64_t n = 0;

    if (strlen(*s) < digits || !parse_number(*s, digits, max, &n))
        return 0;
    *s += digits;
    *out = (int64_t)n;
    if (*then == 0)
        return 1;
    return **s != 0 && strchr(then, *(*s)++) != NULL;
}

/* Days from 1970-01-01; years begin in March, so a leap day comes last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = year + 400 - (month <= 2);

    return y * 365 + y / 4 - y / 100 + y / 400 - 146097 +
           (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1 - 719468;
}

/* 2024-02-29T12:00:00.5+01:00 (RFC 3339), years 0000 to 9999 in UTC. */
static int parse_date(const char *s, ocitar_time *out)
{
    int64_t year, month, day, hour, minute, second, days, scale;

    memset(out, 0, sizeof *out);
    if (!take(&s, 4, 9999, "-", &year) || !take(&s, 2, 12, "-", &month) ||
        !take(&s, 2, 31, "Tt ", &day) || !take(&s, 2, 23, ":", &hour) ||
        !take(&s, 2, 59, ":", &minute) || !take(&s, 2, 59, "", &second) ||
        month == 0 || day == 0)
        return 0;
    days = days_of(year, month, day);
    if (month < 12 && days >= days_of(year, month + 1, 1))
        return 0; /* the 30th of February */
    out->seconds = days * 86400 + hour * 3600 + minute * 60 + second;
    if (s[0] == '.' && s[1] >= '0' && s[1] <= '9')
        for (scale = 100000000, s++; *s >= '0' && *s <= '9'; scale /= 10)
            out->nanoseconds += (uint32_t)((*s++ - '0') * scale);
    if (*s == '+' || *s == '-') {
        int64_t east = *s++ == '+' ? 1 : -1;

        if (!take(&s, 2, 23, ":", &hour) || !take(&s, 2, 59, "", &minute))
            return 0;
        out->seconds -= east * (hour * 3600 + minute * 60);
    } else if (*s == 'Z' || *s == 'z') {
        s++;
    } else {
        return 0;
    }
    out->set = 1;
    return *s == 0 && out->seconds >= -62167219200 &&
           out->seconds <= 253402300799;
}

/* Bytes of the character at `s`, which is not the NUL; 0: not UTF-8. */
static size_t utf8_length(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    uint32_t c = s[0], least;
    size_t more, i;

    if (c < 0x80)
        return 1;
    if (c < 0xc0 || c > 0xf7)
        return 0;
    more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    least = c >= 0xf0 ? 0x10000 : c >= 0xe0 ? 0x800 : 0x80;
    c &= 0x3fu >> more;
    for (i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    return c < least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0
                                                                    : more + 1;
}

/* UTF-8, in which all of an image's documents are. */
static int is_utf8(const char *s)
{
    size_t n = 1;

    for (; *s != 0 && n > 0; s += n)
        n = utf8_length(s);
    return n > 0;
}

/* ---- options ----------------------------------------------------------- */

typedef struct list {
    const char **items;
    size_t count;
} list;

typedef struct pairs {
    ocitar_pair *items;
    char **texts; /* what they point into */
    size_t count;
} pairs;

/* What a layer is compressed with. */
enum { PLAIN, GZIP, ZSTD, XZ, BZIP2 };

typedef struct compress_how {
    uint8_t kind; /* PLAIN, GZIP or ZSTD */
    uint8_t level;
} compress_how;

typedef struct options {
    uint16_t command;
    ocitar_image_desc image; /* the lists are put in last */
    list cmd, entrypoint, env, ports, volumes, history, operands;
    list references; /* further ones */
    list exclude;
    pairs labels, annotations;
    char platform[128]; /* the text that image.platform points into */
    const char *name;          /* of the image, as it was given */
    char *path;                /* of sloci-image's name, the output, */
    ocitar_pair tag;           /* and the tag */
    const char *config;        /* of an artifact, FILE[:MEDIATYPE] */
    ocitar_descriptor subject; /* without a digest: none */
    size_t inlined;            /* the largest file that is */
    const char *output;
    ocitar_time mtime;
    uint32_t owner[2]; /* uid, gid */
    uint32_t mode_mask;
    size_t memory;
    compress_how compress;
    uint8_t algorithm;
    uint8_t created_given; /* and not taken from the environment */
    uint8_t own, nanoseconds, no_xattrs, with_root; /* of directories */
    uint8_t no_docker, dry_run, json, progress, quiet;
    uint8_t strict, nested;
    uint8_t tar, debug, version, help;
} options;

static void list_add(list *l, const char *item)
{
    l->items = (const char **)grow(l->items, l->count + 1, sizeof *l->items);
    l->items[l->count++] = item;
}

/* The functions that take an option's value: into a field of its own, or
   into the options as a whole. They return NULL, or what is wrong with it. */

static const char *set_text(void *field, const char *value)
{
    *(const char **)field = value;
    return *value == 0 ? "must not be empty" : NULL;
}

static const char *set_flag(void *field, const char *value)
{
    (void)value;
    *(uint8_t *)field = 1;
    return NULL;
}

static const char *add_item(void *field, const char *value)
{
    list_add((list *)field, value);
    return NULL;
}

static const char *add_env(void *field, const char *value)
{
    if (value[0] == '=' || strchr(value, '=') == NULL)
        return "must be NAME=VALUE";
    return add_item(field, value);
}

/* Into a set. */
static const char *add_volume(void *field, const char *value)
{
    const list *l = (const list *)field;
    size_t i;

    for (i = 0; i < l->count; i++)
        if (strcmp(l->items[i], value) == 0)
            return "given twice";
    return *value == 0 ? "must not be empty" : add_item(field, value);
}

/* "80", "53/udp" */
static const char *add_port(void *field, const char *value)
{
    const char *slash = strchr(value, '/'), *end = strchr(value, 0);
    const char *protocol = slash != NULL ? slash : "/tcp";
    uint64_t n = 0;

    if (slash == value ||
        !parse_number(value, (size_t)((slash != NULL ? slash : end) - value),
                      65535, &n) ||
        n == 0 ||
        (strcmp(protocol, "/tcp") != 0 && strcmp(protocol, "/udp") != 0 &&
         strcmp(protocol, "/sctp") != 0))
        return "must be PORT, PORT/tcp, PORT/udp or PORT/sctp";
    return add_volume(field, value);
}

/* KEY=VALUE; ".x" is short for "org.opencontainers.image.x". */
static const char *add_pair(void *field, const char *text)
{
    pairs *p = (pairs *)field;
    const char *prefix = text[0] == '.' ? "org.opencontainers.image" : "";
    size_t before = strlen(prefix), len = strlen(text) + 1, key_len, i;
    const char *equals = strchr(text, '=');
    char *copy;

    if (equals == NULL || equals == text || equals == text + (before > 0))
        return "must be KEY=VALUE";
    key_len = before + (size_t)(equals - text);
    p->items = (ocitar_pair *)grow(p->items, p->count + 1, sizeof *p->items);
    p->texts = (char **)grow(p->texts, p->count + 1, sizeof *p->texts);
    copy = (char *)grow(NULL, before + len, 1);
    memcpy(copy, prefix, before);
    memcpy(copy + before, text, len);
    memset(&p->items[p->count], 0, sizeof p->items[p->count]);
    p->items[p->count].key = copy;
    p->items[p->count].key_len = key_len;
    p->items[p->count].value = copy + key_len + 1;
    p->texts[p->count++] = copy;
    for (i = 0; i + 1 < p->count; i++)
        if (p->items[i].key_len == key_len &&
            memcmp(p->items[i].key, copy, key_len) == 0)
            return "this key is given twice";
    return NULL;
}

static void pairs_free(pairs *p)
{
    while (p->count > 0)
        free(p->texts[--p->count]);
    free(p->texts);
    free(p->items);
}

/* OS/ARCH[/VARIANT] */
static const char *set_platform(void *field, const char *value)
{
    options *o = (options *)field;
    char *arch, *variant;

    if (strlen(value) >= sizeof o->platform)
        return "too long";
    strcpy(o->platform, value);
    arch = strchr(o->platform, '/');
    if (arch != NULL)
        *arch++ = 0;
    variant = arch != NULL ? strchr(arch, '/') : NULL;
    if (variant != NULL)
        *variant++ = 0;
    if (o->platform[0] == 0 || arch == NULL || arch[0] == 0 ||
        (variant != NULL && (variant[0] == 0 || strchr(variant, '/') != NULL)))
        return "must be OS/ARCH or OS/ARCH/VARIANT";
    o->image.platform.os = o->platform;
    o->image.platform.architecture = arch;
    o->image.platform.variant = variant;
    return NULL;
}

static const char *set_owner(void *field, const char *value)
{
    options *o = (options *)field;
    const char *colon = strchr(value, ':');
    uint64_t uid, gid;

    if (colon == NULL || colon == value ||
        !parse_number(value, (size_t)(colon - value), UINT32_MAX, &uid) ||
        !parse_number(colon + 1, 0, UINT32_MAX, &gid))
        return "must be UID:GID, two numbers";
    o->own = 1;
    o->owner[0] = (uint32_t)uid;
    o->owner[1] = (uint32_t)gid;
    return NULL;
}

static const char *set_mode_mask(void *field, const char *value)
{
    uint32_t mask = 0;
    size_t i;

    for (i = 0; value[i] >= '0' && value[i] <= '7' && mask <= 07777; i++)
        mask = mask * 8 + (uint32_t)(value[i] - '0');
    *(uint32_t *)field = mask;
    return i > 0 && value[i] == 0 && mask <= 07777
               ? NULL
               : "must be bits of a mode in octal, up to 7777";
}

/* Names in a layer begin and end without a slash. */
static const char *add_exclude(void *field, const char *value)
{
    size_t len = strlen(value);

    if (len == 0 || value[len - 1] == '/' || strncmp(value, "./", 2) == 0)
        return "must be a name, or a path in ROOTFS such as /etc or "
               "var/cache/*";
    return add_item(field, value);
}

static int is_reference(const char *text)
{
    ocitar_reference ref;

    return ocitar_reference_parse(&ref, text, 0) == OCITAR_OK &&
           ref.digest == NULL;
}

static const char *add_reference(void *field, const char *value)
{
    return is_reference(value) ? add_item(field, value)
                               : "not a NAME or NAME:TAG";
}

/* A type and a subtype (RFC 6838, 4.2). */
static int is_media_type(const char *s)
{
    size_t len;
    int i;

    for (i = 0; i < 2; i++) {
        len = strcspn(s, "/");
        if (len == 0 || len > 127 || strchr("!#$&-^_.+", *s) != NULL ||
            strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                      "0123456789!#$&-^_.+") < len)
            return 0;
        s += len;
        if (*s != (i == 0 ? '/' : 0))
            return 0;
        s++;
    }
    return 1;
}

static const char *set_media_type(void *field, const char *value)
{
    *(const char **)field = value;
    return is_media_type(value) ? NULL : "must be a media type";
}

/* DIGEST,SIZE[,MEDIATYPE] */
static const char *set_subject(void *field, const char *value)
{
    ocitar_descriptor *d = (ocitar_descriptor *)field;
    size_t len = strcspn(value, ",");
    const char *size = value + len + (value[len] != 0);
    size_t size_len = strcspn(size, ",");
    const char *type = size + size_len + (size[size_len] != 0);

    if (len == 0 || ocitar_digest_parse(&d->digest, value, len) != OCITAR_OK)
        return "must begin with a digest, such as sha256:...";
    if (size_len == 0 || !parse_number(size, size_len, INT64_MAX, &d->size))
        return "must be DIGEST,SIZE, a number of bytes";
    if (size[size_len] != 0 && !is_media_type(type))
        return "must end in a media type";
    d->media_type = size[size_len] != 0
                        ? type
                        : "application/vnd.oci.image.manifest.v1+json";
    return NULL;
}

static const char *set_inline(void *field, const char *value)
{
    return parse_size(value, (size_t *)field) &&
                   *(size_t *)field <= OCITAR_DATA_MAX
               ? NULL
               : "must be a number of bytes, at most 4096";
}

static const char *set_digest(void *field, const char *value)
{
    uint8_t algorithm = ocitar_algorithm_parse(value, 0);

    *(uint8_t *)field = algorithm;
    return algorithm == OCITAR_SHA256 || algorithm == OCITAR_SHA512
               ? NULL
               : "must be sha256 or sha512";
}

static const char *set_epoch(void *field, const char *value)
{
    return parse_epoch(value, (ocitar_time *)field)
               ? NULL
               : "must be seconds since 1970";
}

static const char *set_created(void *field, const char *value)
{
    ocitar_time *time = (ocitar_time *)field;

    return parse_epoch(value, time) || parse_date(value, time)
               ? NULL
               : "must be seconds since 1970, or 2024-02-29T12:00:00Z";
}

static const char *set_size(void *field, const char *value)
{
    return parse_size(value, (size_t *)field)
               ? NULL
               : "must be a number of bytes, such as 65536, 64K, 1M or 1G";
}

#ifdef OCITAR_WITH_ZLIB
#define GZIP_MISSING NULL
#else
#define GZIP_MISSING "this ocitar was built without zlib"
#endif
#ifdef OCITAR_WITH_ZSTD
#define ZSTD_MISSING NULL
#else
#define ZSTD_MISSING "this ocitar was built without libzstd"
#endif

static const struct compression {
    const char *name;
    const char *missing; /* why it cannot be had, or NULL */
    uint8_t levels[3];   /* lowest, usual, highest (0: it has none) */
    uint8_t magic[6];    /* the length, then the bytes */
} compressions[] = {
    /* by their numbers above */
    {"none", NULL, {0, 0, 0}, {0}},
    {"gzip", GZIP_MISSING, {0, 6, 9}, {2, 0x1f, 0x8b}},
    {"zstd", ZSTD_MISSING, {1, 3, 19}, {4, 0x28, 0xb5, 0x2f, 0xfd}},
    {"xz", "decompress it first", {0}, {5, 0xfd, '7', 'z', 'X', 'Z'}},
    {"bzip2", "decompress it first", {0}, {3, 'B', 'Z', 'h'}}};

/* none, gzip[:LEVEL], zstd[:LEVEL] */
static const char *set_compress(void *field, const char *value)
{
    static const char how[] = "must be none, gzip, gzip:0 to gzip:9, zstd, or "
                              "zstd:1 to zstd:19";
    compress_how *c = (compress_how *)field;
    size_t len = strcspn(value, ":");
    const struct compression *z;
    uint64_t level;
    uint8_t kind;

    for (kind = PLAIN; kind <= ZSTD; kind++) {
        z = &compressions[kind];
        if (strlen(z->name) != len || memcmp(z->name, value, len) != 0)
            continue;
        if (z->missing != NULL)
            return z->missing;
        level = z->levels[1];
        if (value[len] != 0 &&
            (z->levels[2] == 0 ||
             !parse_number(value + len + 1, 0, z->levels[2], &level) ||
             level < z->levels[0]))
            return how;
        c->kind = kind;
        c->level = (uint8_t)level;
        return NULL;
    }
    return how;
}

#define FIELD(name) offsetof(options, name)

static const struct option {
    const char *name;
    char letter; /* 0: none */
    const char *(*set_fn)(void *field, const char *value);
    size_t field;
    uint16_t commands; /* PACK ... */
} option_table[] = {
    {"arch", 'm', set_text, FIELD(image.platform.architecture), PACK | SLOCI},
    {"arch-variant", 0, set_text, FIELD(image.platform.variant), PACK | SLOCI},
    {"os", 0, set_text, FIELD(image.platform.os), PACK | SLOCI},
    {"platform", 0, set_platform, 0, BOTH | CAT | EXPORT},
    {"author", 'a', set_text, FIELD(image.author), PACK | SLOCI},
    {"cmd", 'c', add_item, FIELD(cmd), PACK | SLOCI},
    {"entrypoint", 'C', add_item, FIELD(entrypoint), PACK | SLOCI},
    {"env", 'e', add_env, FIELD(env), PACK | SLOCI},
    {"label", 'l', add_pair, FIELD(labels), PACK | SLOCI},
    {"annotation", 0, add_pair, FIELD(annotations), BOTH},
    {"port", 'p', add_port, FIELD(ports), PACK | SLOCI},
    {"expose", 0, add_port, FIELD(ports), PACK | SLOCI}, /* the same */
    {"volume", 'v', add_volume, FIELD(volumes), PACK | SLOCI},
    {"user", 'u', set_text, FIELD(image.user), PACK | SLOCI},
    {"working-dir", 'w', set_text, FIELD(image.working_dir), PACK | SLOCI},
    {"stop-signal", 0, set_text, FIELD(image.stop_signal), PACK},
    {"history", 0, add_item, FIELD(history), PACK},
    {"ref", 0, add_reference, FIELD(references), BOTH},
    {"created", 0, set_created, FIELD(image.created), BOTH},
    {"artifact-type", 0, set_media_type, FIELD(image.artifact_type), ARTIFACT},
    {"config", 0, set_text, FIELD(config), ARTIFACT},
    {"subject", 0, set_subject, FIELD(subject), ARTIFACT},
    {"inline", 0, set_inline, FIELD(inlined), ARTIFACT},
    {"debug", 0, set_flag, FIELD(debug), SLOCI},
    {"owner", 0, set_owner, 0, PACK},
    {"mtime", 0, set_epoch, FIELD(mtime), PACK},
    {"mode-mask", 0, set_mode_mask, FIELD(mode_mask), PACK},
    {"nanoseconds", 0, set_flag, FIELD(nanoseconds), PACK},
    {"no-xattrs", 0, set_flag, FIELD(no_xattrs), PACK},
    {"with-root", 0, set_flag, FIELD(with_root), PACK},
    {"exclude", 0, add_exclude, FIELD(exclude), PACK},
    {"digest", 0, set_digest, FIELD(algorithm), BOTH},
    {"memory", 0, set_size, FIELD(memory), BOTH},
    {"compress", 0, set_compress, FIELD(compress), PACK},
    {"output", 'o', set_text, FIELD(output), BOTH | INDEX},
    {"no-docker-manifest", 0, set_flag, FIELD(no_docker),
     PACK | INDEX | EXPORT},
    {"docker-types", 0, set_flag, FIELD(image.docker_types), PACK},
    {"dry-run", 0, set_flag, FIELD(dry_run), BOTH | INDEX | EXPORT},
    {"strict", 0, set_flag, FIELD(strict), VERIFY},
    {"nested", 0, set_flag, FIELD(nested), INDEX},
    {"json", 0, set_flag, FIELD(json), ALL & ~CAT},
    {"progress", 0, set_flag, FIELD(progress), ALL},
    {"quiet", 0, set_flag, FIELD(quiet), ALL},
    {"tar", 't', set_flag, FIELD(tar), PACK | SLOCI},
    {"version", 'V', set_flag, FIELD(version), ALL | SLOCI},
    {"help", 'h', set_flag, FIELD(help), ALL | SLOCI}};

/* One that the command has, by name, or if that is NULL by letter. */
static const struct option *find_option(uint16_t command, const char *name,
                                        size_t len, char letter)
{
    const struct option *option = option_table;
    const struct option *end = option + sizeof option_table / sizeof *option;

    for (; option < end; option++)
        if ((option->commands & command) != 0 &&
            (name == NULL ? letter != 0 && option->letter == letter
                          : strlen(option->name) == len &&
                                memcmp(option->name, name, len) == 0))
            return option;
    return NULL;
}

/* NULL, or what is wrong with the value. In sloci-image's command line nothing
   is what an empty value means, and Buildroot makes use of it. */
static const char *set_option(options *o, const struct option *option,
                              const char *value)
{
    char *field = (char *)o + option->field;

    if (o->command == SLOCI && *value == 0 &&
        (option->set_fn == set_text || option->set_fn == add_port ||
         option->set_fn == add_volume))
        return NULL;
    if (option->field != FIELD(output) && option->field != FIELD(config) &&
        !is_utf8(value))
        return "not UTF-8";
    return option->set_fn(field, value);
}

/* One argument that begins with '-': a long option, or letters. A value may
   be attached, or is argv[*at]. -1: go on; else the exit code. */
static int parse_option(options *o, const char *arg, char **argv, int *at)
{
    int is_long = arg[1] == '-';
    const char *p = arg + 1 + is_long, *value, *why;
    const struct option *option;
    char shown[64];

    do {
        size_t len = is_long ? strcspn(p, "=") : 1;

        option = find_option(o->command, is_long ? p : NULL, len, *p);
        if (option == NULL)
            return wrong(arg, NULL, "unknown option");
        snprintf(shown, sizeof shown, "-%s%.*s", is_long ? "-" : "", (int)len,
                 p);
        p += len;
        value = *p != 0 ? p + is_long : argv[*at];
        if (option->set_fn == set_flag) {
            if (is_long && *p != 0)
                return wrong(arg, NULL, "this option takes no value");
            value = "";
        } else if (value == NULL) {
            return wrong(shown, NULL, "a value is missing");
        } else {
            *at += *p == 0;
            p = "";
        }
        why = set_option(o, option, value);
        if (why != NULL)
            return wrong(shown, value, why);
        if (o->help)
            return print(help_of(o->command));
        if (o->version)
            return print(o->command == SLOCI ? sloci_version : version_text);
    } while (*p != 0);
    return -1;
}

static int parse_arguments(options *o, char **argv)
{
    int at = 0, only_operands = 0, code = -1;

    while (code < 0 && argv[at] != NULL) {
        const char *arg = argv[at++];

        if (only_operands || arg[0] != '-' || arg[1] == 0 ||
            (o->command == ARTIFACT && arg[1] == ':'))
            list_add(&o->operands, arg);
        else if (strcmp(arg, "--") == 0)
            only_operands = 1;
        else
            code = parse_option(o, arg, argv, &at);
    }
    return code;
}

/* From a name of `uname -m` to Go's; what is neither stays as it is. */
static void translate_architecture(ocitar_platform *p)
{
    const char *variant = p->variant;

    if (p->architecture == NULL ||
        ocitar_platform_uname(p, p->architecture) != OCITAR_OK)
        return;
    if (variant != NULL)
        p->variant = variant;
}

/* The same name, whether ":latest" is written or not? */
static int same_reference(const char *a, const char *b)
{
    ocitar_reference x, y;

    if (ocitar_reference_parse(&x, a, 0) != OCITAR_OK ||
        ocitar_reference_parse(&y, b, 0) != OCITAR_OK ||
        x.name_len != y.name_len || memcmp(x.name, y.name, x.name_len) != 0)
        return 0;
    return strcmp(x.tag != NULL ? x.tag : "latest",
                  y.tag != NULL ? y.tag : "latest") == 0;
}

/* The names of the image, of which the last operand is the first. */
static int complete_names(options *o)
{
    const char *name = o->operands.items[--o->operands.count];
    size_t i, j;

    if (!is_reference(name))
        return wrong(name, NULL, "not a NAME or NAME:TAG");
    o->image.reference = name;
    o->name = name;
    for (i = 0; i < o->references.count; i++) {
        const char *more = o->references.items[i];
        int twice = same_reference(more, name);

        for (j = 0; j < i; j++)
            twice |= same_reference(more, o->references.items[j]);
        if (twice)
            return wrong("--ref", more, "the image has this name already");
    }
    return -1;
}

static int complete_times(options *o)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    ocitar_time time;

    o->created_given = o->image.created.set;
    if (epoch == NULL)
        return -1;
    if (!parse_epoch(epoch, &time))
        return wrong("SOURCE_DATE_EPOCH", epoch, "must be seconds since 1970");
    if (!o->created_given)
        o->image.created = time;
    if (!o->mtime.set)
        o->mtime = time;
    return -1;
}

/* Of FILE[:MEDIATYPE]: the length of FILE, and the type or NULL. What comes
   after the last colon is a type if it looks like one and no file has the
   whole name. */
static size_t split_media_type(const char *text, const char **type)
{
    const char *colon = strrchr(text, ':');
    struct stat st;

    *type = NULL;
    if (colon == NULL || colon == text || !is_media_type(colon + 1) ||
        lstat(text, &st) == 0)
        return strlen(text);
    *type = colon + 1;
    return (size_t)(colon - text);
}

/* Of an operand, the length of its path. */
static size_t operand_length(const options *o, const char *operand,
                             const char **type)
{
    *type = NULL;
    return o->command == ARTIFACT ? split_media_type(operand, type)
                                  : strlen(operand);
}

/* "2024-02-29T12:00:00.5Z", the way back from parse_date. */
static void format_date(const ocitar_time *t, char out[40])
{
    int64_t days = t->seconds / 86400, second = t->seconds % 86400;
    int64_t year = 0, month = 1;
    size_t len;

    if (second < 0) {
        second += 86400;
        days--;
    }
    while (year < 9999 && days_of(year + 1, 1, 1) <= days)
        year++;
    while (month < 12 && days_of(year, month + 1, 1) <= days)
        month++;
    snprintf(out, 40, "%04d-%02d-%02dT%02d:%02d:%02d.%09u", (int)year,
             (int)month, (int)(days - days_of(year, month, 1)) + 1,
             (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60),
             (unsigned)t->nanoseconds);
    for (len = strlen(out); out[len - 1] == '0' && len > 20; len--)
        ;
    if (len == 20)
        len--; /* the point */
    out[len] = 'Z';
    out[len + 1] = 0;
}

/* An artifact has no field for its date, but an annotation. */
static int add_created(options *o)
{
    static const char key[] = "org.opencontainers.image.created";
    char text[sizeof ".created=" + 40] = ".created=";
    size_t i;

    if (!o->image.created.set)
        return -1;
    for (i = 0; i < o->annotations.count; i++)
        if (o->annotations.items[i].key_len == sizeof key - 1 &&
            memcmp(o->annotations.items[i].key, key, sizeof key - 1) == 0)
            return o->created_given
                       ? wrong("--created", NULL, "and --annotation .created")
                       : -1;
    format_date(&o->image.created, strchr(text, 0));
    add_pair(&o->annotations, text);
    return -1;
}

static int complete_artifact(options *o)
{
    if (o->image.artifact_type == NULL)
        o->image.artifact_type = "application/vnd.unknown.artifact.v1";
    if (o->subject.digest.algorithm != 0)
        o->image.subject = &o->subject;
    o->no_docker = 1; /* which runs none of it */
    return add_created(o);
}

/* Without the slashes at its end. */
static size_t path_length(const char *path, size_t len)
{
    while (len > 1 && path[len - 1] == '/')
        len--;
    return len;
}

/* sloci-image's NAME[:TAG], a path: where the image goes, and the tag. The
   platform in the file's name is what was given, not what Go calls it. */
static void complete_path(options *o, const char *name, const char *arch)
{
    const ocitar_platform *p = &o->image.platform;
    const char *colon = strrchr(name, ':');
    int tagged = colon != NULL && strchr(colon, '/') == NULL;
    const char *tag = tagged ? colon + 1 : "latest";
    size_t len = tagged ? (size_t)(colon - name) : strlen(name);
    const char *variant = p->variant != NULL ? p->variant : "";
    const char *os = p->os != NULL ? p->os : "linux";
    size_t size = len + strlen(tag) + strlen(arch) + strlen(variant) +
                  strlen(os) + sizeof "----.oci-image.tar";

    len = path_length(name, len);
    o->path = (char *)grow(NULL, size, 1);
    if (o->tar)
        snprintf(o->path, size, "%.*s-%s-%s%s%s-%s.oci-image.tar", (int)len,
                 name, tag, arch, *variant != 0 ? "-" : "", variant, os);
    else
        snprintf(o->path, size, "%.*s/", (int)len, name);
    o->output = o->path;
    o->tag.key = "org.opencontainers.image.ref.name";
    o->tag.value = tag;
    o->image.descriptor_annotations = &o->tag;
    o->image.descriptor_annotation_count = 1;
}

/* "x86" and what begins with "arm" are names that sloci-image knows. */
static int complete_sloci(options *o)
{
    static struct utsname machine;
    ocitar_platform *p = &o->image.platform, known = OCITAR_ZERO;
    const char *name = o->operands.items[--o->operands.count];

    if (o->operands.count != 1)
        return wrong("ROOTFS NAME[:TAG]", NULL, "these two, and no more");
    if (name[0] == 0 || name[0] == ':' || name[strlen(name) - 1] == ':')
        return wrong(name, NULL, "not a NAME or NAME:TAG");
    if (p->architecture == NULL && uname(&machine) == 0)
        p->architecture = machine.machine;
    if (p->architecture == NULL)
        return wrong("--arch", NULL, "is missing");
    o->name = name;
    complete_path(o, name, p->architecture);
    if (strcmp(p->architecture, "x86") == 0)
        p->architecture = "386";
    else if (strncmp(p->architecture, "arm", 3) == 0 &&
             ocitar_platform_uname(&known, p->architecture) != OCITAR_OK)
        p->architecture = "arm";
    if (o->entrypoint.count == 1 && o->entrypoint.items[0][0] == 0)
        o->entrypoint.count = 0; /* that is how Buildroot says none */
    if (o->cmd.count == 1 && o->cmd.items[0][0] == 0)
        o->cmd.count = 0;
    list_add(&o->history, o->image.author != NULL ? o->image.author : "");
    o->with_root = 1;
    o->no_docker = 1;
    o->quiet = !o->debug;
    if (compressions[GZIP].missing == NULL)
        set_compress(&o->compress, "gzip");
    return -1;
}

static int missing(const options *o)
{
    const char *input = o->command == ARTIFACT ? "FILE" : "ROOTFS";
    char why[64];

    if (o->operands.count == 0)
        snprintf(why, sizeof why, "%s and NAME are missing", input);
    else
        snprintf(why, sizeof why, "%s or NAME is missing", input);
    return wrong(o->command == PACK       ? "pack"
                 : o->command == ARTIFACT ? "artifact"
                                          : "sloci-image",
                 NULL, why);
}

/* What is left of the operands without the name. */
static int check_inputs(const options *o)
{
    const char *type;
    size_t i, stdins = 0;

    for (i = 0; i < o->operands.count; i++) {
        if (o->operands.items[i][0] == 0)
            return wrong(o->command == ARTIFACT ? "FILE" : "ROOTFS", NULL,
                         "must not be empty");
        stdins += operand_length(o, o->operands.items[i], &type) == 1 &&
                  o->operands.items[i][0] == '-';
    }
    if (stdins > 1)
        return wrong("-", NULL, "standard input can be read only once");
    if (stdins > 0 && o->dry_run)
        return wrong("--dry-run", NULL, "not with standard input");
    return -1;
}

/* What depends on several options, the operands or the environment. */
static int complete_options(options *o)
{
    int code = complete_times(o);

    if (code < 0 && o->operands.count < 2)
        code = missing(o);
    if (code < 0)
        code = o->command == SLOCI ? complete_sloci(o) : complete_names(o);
    if (code < 0 && o->command == ARTIFACT)
        code = complete_artifact(o);
    if (code < 0)
        code = check_inputs(o);
    if (code >= 0)
        return code;
    if (o->image.docker_types && o->annotations.count > 0)
        return wrong("--docker-types", NULL,
                     "not with --annotation: docker's manifest has none");
    if (o->command != ARTIFACT)
        translate_architecture(&o->image.platform);
    return -1;
}

static void options_free(options *o)
{
    free(o->cmd.items);
    free(o->entrypoint.items);
    free(o->env.items);
    free(o->ports.items);
    free(o->volumes.items);
    free(o->history.items);
    free(o->operands.items);
    free(o->path);
    free(o->references.items);
    free(o->exclude.items);
    pairs_free(&o->labels);
    pairs_free(&o->annotations);
}

/* ---- inputs ------------------------------------------------------------ */

typedef struct input {
    const char *path; /* as messages have it */
    char *name;       /* of its own, where a media type was cut off */
    int descriptor;   /* -1: a directory */
    struct stat info;
    const char *media_type; /* these for an artifact */
    ocitar_pair title;
    unsigned char *data; /* that the descriptor carries */
} input;

/* What it was called on the command line. */
static const char *input_source(const input *in)
{
    return in->descriptor == STDIN_FILENO ? "-" : in->path;
}

static int same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Takes an operand apart: a path, for an artifact with its media type. */
static void name_input(input *in, const options *o, const char *operand)
{
    size_t len = operand_length(o, operand, &in->media_type);

    in->path = operand;
    in->descriptor = -1;
    if (in->media_type == NULL)
        return;
    in->name = (char *)grow(NULL, len + 1, 1);
    memcpy(in->name, operand, len);
    in->name[len] = 0;
    in->path = in->name;
}

/* An artifact's file is known by the last part of its path. */
static int title_input(input *in)
{
    const char *slash = strrchr(in->path, '/');

    in->title.key = "org.opencontainers.image.title";
    in->title.value = slash != NULL ? slash + 1 : in->path;
    if (is_utf8(in->title.value))
        return DONE;
    complain("%s: its name is not UTF-8", in->path);
    return FAILED;
}

static int open_input(input *in, const options *o)
{
    int is_stdin = strcmp(in->path, "-") == 0;

    if (is_stdin)
        in->path = "standard input";
    else if (o->command == ARTIFACT && title_input(in) != DONE)
        return FAILED;
    in->descriptor =
        is_stdin ? STDIN_FILENO : open(in->path, O_RDONLY | O_CLOEXEC);
    if (in->descriptor < 0 || fstat(in->descriptor, &in->info) != 0) {
        complain("%s: %s", in->path, strerror(errno));
        return FAILED;
    }
    if (S_ISDIR(in->info.st_mode) && o->command == ARTIFACT) {
        complain("%s: a directory, and not a file", in->path);
        return FAILED;
    }
    if (S_ISDIR(in->info.st_mode) && !is_stdin) {
        close(in->descriptor);
        in->descriptor = -1;
    } else if (isatty(in->descriptor)) {
        complain("%s: a %s is not read from a terminal", in->path,
                 o->command == ARTIFACT ? "file" : "tar");
        return FAILED;
    }
    return DONE;
}

/* Opens all before anything is written. */
static int open_inputs(input *in, const options *o)
{
    size_t i;
    int done = DONE;

    for (i = 0; i < o->operands.count; i++)
        name_input(&in[i], o, o->operands.items[i]);
    for (i = 0; i < o->operands.count && done == DONE; i++)
        done = open_input(&in[i], o);
    return done;
}

static void close_inputs(input *in, size_t count)
{
    for (; count > 0; count--, in++) {
        if (in->descriptor > STDERR_FILENO)
            close(in->descriptor);
        free(in->name);
        free(in->data);
    }
}

/* Is the checksum in a tar header right? */
static int is_tar_header(const unsigned char *block)
{
    unsigned long sum = 0, want = 0;
    size_t i;

    for (i = 0; i < 512; i++)
        sum += i >= 148 && i < 156 ? ' ' : block[i];
    for (i = 148; i < 156 && block[i] == ' '; i++)
        ;
    for (; i < 156 && block[i] >= '0' && block[i] <= '7'; i++)
        want = want * 8 + (unsigned long)(block[i] - '0');
    return sum == want;
}

static int is_tar_start(const unsigned char *data, size_t len)
{
    static const unsigned char zeros[512];

    return len >= 512 &&
           (is_tar_header(data) || memcmp(data, zeros, sizeof zeros) == 0);
}

/* By its beginning, what a file is compressed with. */
static uint8_t compression_of(const unsigned char *data, size_t len)
{
    uint8_t kind;

    if (is_tar_start(data, len))
        return PLAIN;
    for (kind = GZIP; kind <= BZIP2; kind++) {
        const uint8_t *magic = compressions[kind].magic;

        if (len >= magic[0] && memcmp(data, magic + 1, magic[0]) == 0)
            return kind;
    }
    /* a frame to be skipped, which pzstd begins with */
    return len >= 4 && data[0] >> 4 == 5 &&
                   memcmp(data + 1, "\x2a\x4d\x18", 3) == 0
               ? ZSTD
               : PLAIN;
}

/* A tar, looked at piece by piece. */
typedef struct tar_check {
    unsigned char first[512];
    uint64_t size;  /* of what has come */
    uint64_t zeros; /* how many zeros it ends in */
} tar_check;

/* NULL, or why it is not taken. */
static const char *tar_check_more(tar_check *t, const unsigned char *data,
                                  size_t len)
{
    size_t end = len, have = (size_t)(t->size < 512 ? t->size : 512);
    size_t more = len < 512 - have ? len : 512 - have;

    if (len == 0)
        return NULL;
    memcpy(t->first + have, data, more);
    while (end > 0 && data[end - 1] == 0)
        end--;
    t->zeros = len - end + (end == 0 ? t->zeros : 0);
    t->size += len;
    return more > 0 && t->size >= 512 && !is_tar_start(t->first, 512)
               ? "not a tar"
               : NULL;
}

/* A tar ends in two blocks of zeros; one that was cut short seldom does. */
static const char *tar_check_end(const tar_check *t)
{
    if (t->size == 0)
        return "empty, not a tar";
    if (t->size < 512)
        return "not a tar";
    if (t->size % 512 != 0)
        return "not a tar: its length is not a multiple of 512";
    return t->zeros < 1024 ? "not complete: it does not end as a tar ends"
                           : NULL;
}

/* ---- output ------------------------------------------------------------ */

/* The file to be written: what was given, or NAME-TAG.tar. */
static char *output_name(const options *o)
{
    ocitar_reference ref;
    const char *name;
    size_t len, size;
    char *out;

    if (o->output != NULL) {
        size = strlen(o->output) + 1;
        out = (char *)grow(NULL, size, 1);
        memcpy(out, o->output, size);
        return out;
    }
    if (ocitar_reference_parse(&ref, o->image.reference, 0) != OCITAR_OK)
        ref.name_len = 0; /* cannot be: it was checked */
    name = o->image.reference;
    for (len = 0; len < ref.name_len && name[ref.name_len - 1 - len] != '/';)
        len++;
    name += ref.name_len - len;
    size = strlen(o->image.reference) + sizeof "-latest.tar";
    out = (char *)grow(NULL, size, 1);
    if (ref.tag == NULL)
        snprintf(out, size, "%.*s-latest.tar", (int)len, name);
    else
        snprintf(out, size, "%.*s-%s.tar", (int)len, name, ref.tag);
    return out;
}

/* The real path of a file that is there, or of the directory that it will be
   in. NULL: not a regular file, or not to be had, as opening tells.*/
static char *real_place(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    struct stat st;
    char *directory, *real;

    if (stat(path, &st) == 0)
        return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)
                   ? realpath(path, NULL)
                   : NULL;
    if (slash != NULL && slash[1] == 0) /* a directory to be made */
        while (len > 1 && path[--len - 1] != '/')
            ;
    directory = (char *)grow(NULL, len + 2, 1);
    memcpy(directory, len > 0 ? path : ".", len > 0 ? len : 1);
    directory[len > 0 ? len : 1] = 0;
    real = realpath(directory, NULL);
    free(directory);
    return real;
}

/* An archive must not become a part of itself. */
static int check_outside(const char *output, const input *in, size_t count)
{
    char *place = strcmp(output, "-") == 0 ? NULL : real_place(output);
    char *slash = place;
    struct stat st;
    size_t i;

    while (slash != NULL) {
        for (i = 0; i < count && stat(place, &st) == 0; i++)
            if (in[i].descriptor < 0 && same_file(&st, &in[i].info)) {
                complain("%s: the output would be inside the input %s; give "
                         "another place with --output",
                         output, in[i].path);
                free(place);
                return FAILED;
            }
        slash = strrchr(place, '/');
        if (slash == place && slash[1] != 0)
            slash[1] = 0; /* the root comes last */
        else if (slash == place)
            slash = NULL;
        else if (slash != NULL)
            *slash = 0;
    }
    free(place);
    return DONE;
}

/* The file beside the final one must not stay if a signal ends the run. */
static const ocitar_output *volatile pending_output;

static void remove_pending(int number)
{
    const ocitar_output *o = pending_output;

    if (o != NULL)
        unlinkat(o->directory, o->temp, 0);
    signal(number, SIG_DFL);
    raise(number);
}

static void catch_signals(void)
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGTERM};
    struct sigaction old, action;
    size_t i;

    signal(SIGPIPE, SIG_IGN); /* write says EPIPE instead */
    memset(&action, 0, sizeof action);
    action.sa_handler = remove_pending;
    sigemptyset(&action.sa_mask);
    for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (sigaction(numbers[i], NULL, &old) == 0 &&
            old.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
}

/* What lies between the archive and its output: it passes everything on, and
   takes the digest of index.json, which no call of the library tells. */
typedef struct tap {
    ocitar_sink to; /* without put_fn: nowhere */
    uint64_t at;    /* where the next byte goes */
    uint64_t from;  /* the next byte of index.json */
    uint64_t left;  /* how many of it are to come */
    ocitar_digester digester;
    ocitar_digest digest;
} tap;

static int tap_put(void *user, const void *data, size_t len)
{
    tap *t = (tap *)user;
    const char *bytes = (const char *)data;
    uint64_t skip, n;

    if (t->left > 0 && t->at + len > t->from) {
        skip = t->from - t->at;
        n = len - skip < t->left ? len - skip : t->left;
        ocitar_digester_update(&t->digester, bytes + skip, (size_t)n);
        t->from += n;
        t->left -= n;
        if (t->left == 0)
            ocitar_digester_end(&t->digester, &t->digest);
    }
    t->at += len;
    progress_written(len);
    return t->to.put_fn != NULL ? t->to.put_fn(t->to.user, data, len) : 0;
}

static int tap_put_at(void *user, uint64_t offset, const void *data,
                      size_t len)
{
    const tap *t = (const tap *)user;

    return t->to.put_fn != NULL
               ? t->to.put_at_fn(t->to.user, offset, data, len)
               : 0;
}

static int tap_truncate(void *user, uint64_t offset)
{
    tap *t = (tap *)user;

    t->at = offset;
    return t->to.put_fn != NULL ? t->to.truncate_fn(t->to.user, offset) : 0;
}

/* A blob's bytes, past the tap. */
static uint64_t tap_move(void *user, const ocitar_fd *file, uint64_t offset,
                         uint64_t len)
{
    tap *t = (tap *)user;
    uint64_t n = t->to.move_fn(t->to.user, file, offset, len);

    t->at += n;
    progress_written(n);
    return n;
}

static void tap_sink(tap *t, ocitar_sink *out)
{
    memset(out, 0, sizeof *out);
    out->put_fn = tap_put;
    out->user = t;
    if (t->to.put_fn != NULL && t->to.move_fn != NULL)
        out->move_fn = tap_move;
    if (t->to.put_fn != NULL && t->to.put_at_fn == NULL)
        return;
    out->put_at_fn = tap_put_at;
    out->truncate_fn = tap_truncate;
}

/* index.json begins at `at`, with its header of one block. */
static void tap_index(tap *t, uint64_t at, uint64_t size)
{
    t->from = at + 512;
    t->left = size;
    ocitar_digester_begin(&t->digester, OCITAR_SHA256, NULL);
}

/* ---- pack -------------------------------------------------------------- */

typedef struct pack {
    const options *o;
    input *inputs;
    size_t layers;
    char *output_name;
    const char *output_shown;
    int in_directory; /* the output is a layout directory */
    ocitar_directory directory;
    ocitar_output output;
    struct stat output_info; /* if it is written straight to a file */
    tap tap;
    const input *current;    /* the layer being packed */
    char trouble[4096];      /* where in it the walk failed */
    const char *temp_directory;
    ocitar_temp temp;
    ocitar_store store;
    ocitar_allocator heap;
    ocitar_spool spool;
    ocitar_archive archive;
    ocitar_layout layout;
    ocitar_index index;
    ocitar_image image;
    ocitar_layer layer;
    ocitar_blob blob;        /* of an artifact, and its config */
    char *config;
    size_t config_len;
    const char *config_type;
    tar_check tar;       /* of the current layer, if it is one */
    const char *tar_why; /* what was wrong with it */
    uint8_t kind;        /* how the layer is compressed */
    ocitar_codec coder;  /* does it, or undoes it */
    ocitar_codec checker;
#ifdef OCITAR_WITH_ZLIB
    codec_zlib zlib;
#endif
#ifdef OCITAR_WITH_ZSTD
    codec_zstd zstd;
#endif
    ocitar_descriptor *pool; /* the layers', then the image's */
    ocitar_key *keys;
    ocitar_history *history;
} pack;

/* Says what the codec's code means. */
static void explain_codec(const pack *p, int code)
{
    const char *path = p->current->path;

    if (p->tar_why != NULL)
        complain("%s: in the %s: %s", path, compressions[p->kind].name,
                 p->tar_why);
#ifdef OCITAR_WITH_ZLIB
    else if (p->kind == GZIP && code == CODEC_ZLIB_CORRUPT)
        complain("%s: corrupt or incomplete gzip", path);
    else if (p->kind == GZIP && code == CODEC_ZLIB_MEMORY)
        complain("%s: gzip: out of memory", path);
#endif
#ifdef OCITAR_WITH_ZSTD
    else if (p->kind == ZSTD && code == CODEC_ZSTD_CORRUPT)
        complain("%s: corrupt or incomplete zstd", path);
    else if (p->kind == ZSTD && code == CODEC_ZSTD_MEMORY)
        complain("%s: zstd: out of memory", path);
    else if (p->kind == ZSTD && code == CODEC_ZSTD_WINDOW)
        complain("%s: zstd with a window of more than 128 MiB, which few "
                 "programs take",
                 path);
#endif
    else
        complain("%s: %s: error %d", path, compressions[p->kind].name, code);
}

/* Says what the library's code means, and of which file. */
static int explain(const pack *p, int code)
{
    const ocitar_error *e = p->in_directory
                                ? ocitar_directory_error(&p->directory)
                                : ocitar_archive_error(&p->archive);
    int reading = e->subject != NULL && strcmp(e->subject, "layer tree") == 0;
    const char *system = strerror(e->user_code);
    const char *path =
        p->current != NULL ? p->current->path : p->o->name;
    size_t len = strlen(path);
    char why[OCITAR_ERROR_MAX];

    ocitar_error_format(e, why, sizeof why);
    if (code == OCITAR_E_SINK || (code == OCITAR_E_SYSTEM && !reading))
        complain("%s: %s", p->output_shown, system);
    else if (code == OCITAR_E_SPOOL)
        complain("%s (TMPDIR, or /tmp): %s", p->temp_directory, system);
    else if (code == OCITAR_E_MEMORY)
        complain("out of memory");
    else if (code == OCITAR_E_CODEC)
        explain_codec(p, e->user_code);
    else if (code == OCITAR_E_SOURCE && !reading)
        complain("%s: %s", path, system);
    else if (code != OCITAR_E_SOURCE) /* note_entry has said it */
        complain("%s%s%s: %s", path,
                 p->trouble[0] != 0 && path[len - 1] != '/' ? "/" : "",
                 p->trouble, code == OCITAR_E_SYSTEM ? system : why);
    return FAILED;
}

/* Is this the file that standard output goes to? */
static int is_output(const pack *p, const struct stat *st)
{
    return p->output_info.st_ino != 0 && same_file(st, &p->output_info);
}

/* A file that is to be renamed is known by its name, without a stat. */
static int may_be_output(const pack *p, const char *name)
{
    const char *last = strrchr(name, '/');

    return p->output_info.st_ino != 0 &&
           (p->output.directory < 0 ||
            strcmp(last != NULL ? last + 1 : name, p->output.temp) == 0);
}

static int note_entry(void *user, int what, const char *name, int error)
{
    pack *p = (pack *)user;
    char path[4096];
    struct stat st;

    (void)error; /* the layer keeps it too */
    if (what == OCITAR_TREE_FAILED)
        snprintf(p->trouble, sizeof p->trouble, "%s", name);
    if (what == OCITAR_TREE_SKIPPED)
        complain("%s/%s: a socket, skipped", p->current->path, name);
    if (what != OCITAR_TREE_ENTRY ||
        (!progress.on && !may_be_output(p, name)))
        return 0;
    snprintf(path, sizeof path, "%s/%s", p->current->path, name);
    if (lstat(path, &st) != 0)
        return 0; /* the layer says so */
    progress_file(S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0);
    if (!is_output(p, &st))
        return 0;
    complain("%s: this is the output", path);
    return 1;
}

static int pack_directory(pack *p, void *buffer, size_t size)
{
    ocitar_tree_desc desc = OCITAR_ZERO;
    int code;

    desc.path = p->current->path;
    desc.allocator = &p->heap;
    desc.buffer = buffer;
    desc.buffer_size = size;
    desc.mtime_max = p->o->mtime;
    desc.own = p->o->own;
    desc.uid = p->o->owner[0];
    desc.gid = p->o->owner[1];
    desc.mode_mask = p->o->mode_mask;
    desc.nanoseconds = p->o->nanoseconds;
    desc.no_xattrs = p->o->no_xattrs;
    desc.with_root = p->o->with_root;
    desc.exclude = p->o->exclude.items;
    desc.exclude_count = p->o->exclude.count;
    desc.notify_fn = note_entry;
    desc.notify_user = p;
    code = ocitar_layer_tree(&p->layer, &desc);
    return code == OCITAR_OK ? DONE : explain(p, code);
}

/* Reads until the buffer is full or the input ends. */
static int read_full(const input *in, unsigned char *buffer, size_t size,
                     size_t *len)
{
    ssize_t n = 1;

    for (*len = 0; *len < size && n != 0; *len += n > 0 ? (size_t)n : 0) {
        n = read(in->descriptor, buffer + *len, size - *len);
        if (n < 0 && errno != EINTR) {
            complain("%s: %s", in->path, strerror(errno));
            return FAILED;
        }
    }
    progress_read(*len);
    return DONE;
}

/* The codec that decompresses, with the tar checks behind it. */

enum { NOT_A_TAR = -1 };

typedef struct check_put {
    pack *p;
    int (*put_fn)(void *put_user, const void *data, size_t len);
    void *put_user;
} check_put;

static int checker_put(void *user, const void *data, size_t len)
{
    const check_put *c = (const check_put *)user;

    c->p->tar_why =
        tar_check_more(&c->p->tar, (const unsigned char *)data, len);
    return c->p->tar_why != NULL ? (int)NOT_A_TAR
                                 : c->put_fn(c->put_user, data, len);
}

static int checker_begin(void *user)
{
    const pack *p = (const pack *)user;

    return p->coder.begin_fn(p->coder.user);
}

static int checker_write(void *user, const void *data, size_t len,
                         int (*put_fn)(void *, const void *, size_t),
                         void *put_user)
{
    pack *p = (pack *)user;
    check_put c = OCITAR_ZERO;

    c.p = p;
    c.put_fn = put_fn;
    c.put_user = put_user;
    return p->coder.write_fn(p->coder.user, data, len, checker_put, &c);
}

static int checker_end(void *user, int (*put_fn)(void *, const void *, size_t),
                       void *put_user)
{
    pack *p = (pack *)user;
    check_put c = OCITAR_ZERO;
    int code;

    c.p = p;
    c.put_fn = put_fn;
    c.put_user = put_user;
    code = p->coder.end_fn(p->coder.user, put_fn != NULL ? checker_put : NULL,
                           &c);
    if (code != 0 || put_fn == NULL)
        return code;
    p->tar_why = tar_check_end(&p->tar);
    return p->tar_why != NULL ? (int)NOT_A_TAR : 0;
}

/* The codec for a layer; NULL if it needs none. */
static const ocitar_codec *choose_codec(pack *p, int compressed)
{
    p->kind = compressed ? p->kind : p->o->compress.kind;
#ifdef OCITAR_WITH_ZLIB
    if (p->kind == GZIP && compressed)
        codec_zlib_decompress(&p->zlib, &p->coder);
    else if (p->kind == GZIP)
        codec_zlib_compress(&p->zlib, p->o->compress.level, &p->coder);
#endif
#ifdef OCITAR_WITH_ZSTD
    if (p->kind == ZSTD && compressed)
        codec_zstd_decompress(&p->zstd, &p->coder);
    else if (p->kind == ZSTD)
        codec_zstd_compress(&p->zstd, p->o->compress.level, &p->coder);
#endif
    if (p->kind == PLAIN || !compressed)
        return p->kind == PLAIN ? NULL : &p->coder;
    p->checker.media_type = p->coder.media_type;
    p->checker.begin_fn = checker_begin;
    p->checker.write_fn = checker_write;
    p->checker.end_fn = checker_end;
    p->checker.user = p;
    return &p->checker;
}

/* Reads the first piece of a tar, and sees what it is. */
static int begin_tar(pack *p, unsigned char *buffer, size_t size, size_t *len)
{
    const input *in = p->current;
    const struct compression *z;

    memset(&p->tar, 0, sizeof p->tar);
    p->tar_why = NULL;
    if (read_full(in, buffer, size, len) != DONE)
        return FAILED;
    if (is_output(p, &in->info)) {
        complain("%s: this is the output", in->path);
        return FAILED;
    }
    p->kind = compression_of(buffer, *len);
    z = &compressions[p->kind];
    if (z->missing == NULL)
        return DONE;
    complain("%s: compressed with %s: %s", in->path, z->name, z->missing);
    return FAILED;
}

/* Packs it, from the first piece on. */
static int pack_tar(pack *p, unsigned char *buffer, size_t size, size_t len)
{
    int compressed = p->layer.desc.codec == &p->checker, code;
    const char *why = NULL;

    for (;;) {
        if (!compressed)
            why = tar_check_more(&p->tar, buffer, len);
        if (!compressed && why == NULL && len < size)
            why = tar_check_end(&p->tar);
        if (why != NULL) {
            complain("%s: %s", p->current->path, why);
            return FAILED;
        }
        code = ocitar_layer_write(&p->layer, buffer, len);
        if (code != OCITAR_OK)
            return explain(p, code);
        if (len < size)
            return DONE;
        if (read_full(p->current, buffer, size, &len) != DONE)
            return FAILED;
    }
}

/* Where a blob gets its size and digest. */
static int explain_end(const pack *p, int code)
{
    if (code != OCITAR_E_RANGE)
        return explain(p, code);
    /* no room was left for such a size */
    complain("%s: a layer of 8 GiB or more needs a pipe: --output - | "
             "cat >FILE",
             p->current->path);
    return FAILED;
}

static int pack_layer(pack *p, const input *in)
{
    static unsigned char buffer[131072];
    ocitar_layer_desc desc = OCITAR_ZERO;
    size_t len = 0;
    int code, done, is_tar = in->descriptor >= 0;

    p->current = in;
    p->kind = PLAIN;
    if (is_tar && begin_tar(p, buffer, sizeof buffer, &len) != DONE)
        return FAILED;
    desc.wait.spool = &p->spool;
    desc.algorithm = p->o->algorithm;
    if (is_tar) /* kept as it is, or compressed */
        desc.raw = p->kind != PLAIN || p->o->compress.kind == PLAIN
                       ? OCITAR_RAW_BLOB
                       : OCITAR_RAW_TAR;
    desc.codec = choose_codec(p, p->kind != PLAIN);
    if (is_tar && in->info.st_size >= (off_t)1 << 33)
        desc.wait.way = OCITAR_WAIT_SPOOL; /* too big to be patched */
    code = ocitar_layer_begin(&p->layer, &p->image, &desc);
    if (code != OCITAR_OK)
        return explain(p, code);
    done = is_tar ? pack_tar(p, buffer, sizeof buffer, len)
                  : pack_directory(p, buffer, sizeof buffer);
    if (done != DONE)
        return done;
    progress_file(0);
    code = ocitar_layer_end(&p->layer);
    if (code != OCITAR_OK)
        return explain_end(p, code);
    p->current = NULL;
    return DONE;
}

/* ---- artifact ---------------------------------------------------------- */

enum { TOGETHER = 12 }; /* files that are handed to the library at a time */

/* A file being read, perhaps twice. Its beginning is kept. */
typedef struct reading {
    pack *p;
    input *in;
    ocitar_fd fd;
    ocitar_source from;
    uint64_t bytes; /* in all passes */
    unsigned passes;
    unsigned char head[OCITAR_DATA_MAX];
} reading;

static int reading_get(void *user, void *out, size_t capacity, size_t *len)
{
    reading *r = (reading *)user;
    uint64_t room = r->bytes < sizeof r->head ? sizeof r->head - r->bytes : 0;
    int code = r->from.get_fn(r->from.user, out, capacity, len);

    r->p->current = r->in;
    if (code != 0)
        return code;
    if (room > 0 && *len > 0)
        memcpy(r->head + r->bytes, out, *len < room ? *len : (size_t)room);
    progress_read((r->bytes + *len) / r->passes - r->bytes / r->passes);
    r->bytes += *len;
    return 0;
}

static int reading_rewind(void *user)
{
    const reading *r = (const reading *)user;

    r->p->current = r->in;
    return r->from.rewind_fn(r->from.user);
}

static int reading_same(void *user, int begin)
{
    const reading *r = (const reading *)user;

    r->p->current = r->in;
    return r->from.same_fn(r->from.user, begin);
}

/* A pipe that holds more is filled and emptied less often. If it may not, it
   stays as it is. */
static void widen_pipe(int descriptor)
{
#ifdef F_SETPIPE_SZ
    (void)fcntl(descriptor, F_SETPIPE_SZ, 1 << 20);
#else
    (void)descriptor;
#endif
}

static int reading_begin(reading *r, pack *p, input *in)
{
    memset(r, 0, sizeof *r);
    r->p = p;
    r->in = in;
    p->current = in;
    if (is_output(p, &in->info)) {
        complain("%s: this is the output", in->path);
        return FAILED;
    }
    ocitar_fd_begin(&r->fd, in->descriptor);
    ocitar_fd_source(&r->fd, &r->from);
    r->passes = S_ISREG(in->info.st_mode) && r->from.rewind_fn != NULL ? 2 : 1;
    widen_pipe(in->descriptor);
    return DONE;
}

/* A pipe: what comes out of it waits as a layer does. */
static int copy_pipe(pack *p, reading *r, unsigned char *buffer, size_t size,
                     ocitar_digest *digest, uint64_t *total)
{
    ocitar_wait wait = OCITAR_ZERO;
    size_t len = 1;
    int code, system;

    wait.spool = &p->spool;
    code = ocitar_blob_begin(&p->blob, &p->layout, p->o->algorithm, &wait);
    while (code == OCITAR_OK && len > 0) {
        system = reading_get(r, buffer, size, &len);
        if (system != 0) {
            complain("%s: %s", p->current->path, strerror(system));
            return FAILED;
        }
        code = ocitar_blob_write(&p->blob, buffer, len);
    }
    if (code == OCITAR_OK)
        code = ocitar_blob_commit(&p->blob, OCITAR_SIZE_UNKNOWN, NULL);
    if (code == OCITAR_OK)
        code = ocitar_blob_digest(&p->blob, digest);
    if (code != OCITAR_OK)
        return explain_end(p, code);
    *total = r->bytes;
    code = ocitar_blob_close(&p->blob);
    return code == OCITAR_OK ? DONE : explain(p, code);
}

/* Reads and writes them; the library hashes several at a time. */
static int copy_files(pack *p, reading *r, size_t count,
                      unsigned char *buffer, size_t size,
                      ocitar_digest *digests, uint64_t *sizes)
{
    ocitar_source sources[TOGETHER];
    size_t i;
    int code;

    memset(sources, 0, sizeof sources);
    for (i = 0; i < count; i++) {
        sources[i].get_fn = reading_get;
        sources[i].rewind_fn = reading_rewind;
        sources[i].same_fn = reading_same;
        sources[i].file = r[i].from.file;
        sources[i].user = &r[i];
    }
    code = ocitar_blob_copy_many(&p->layout, p->o->algorithm, sources, count,
                                 buffer, size, digests, sizes);
    return code == OCITAR_OK ? DONE : explain(p, code);
}

/* The blob becomes the manifest's next layer. */
static int add_file(pack *p, const reading *r, const ocitar_digest *digest,
                    uint64_t size)
{
    ocitar_descriptor d = OCITAR_ZERO;
    input *in = r->in;
    int code;

    p->current = in;
    d.digest = *digest;
    d.size = size;
    d.media_type = in->media_type != NULL ? in->media_type
                                          : "application/octet-stream";
    d.annotations = &in->title;
    d.annotation_count = in->title.value != NULL;
    if (d.size > 0 && d.size <= p->o->inlined) {
        in->data = (unsigned char *)grow(NULL, (size_t)d.size, 1);
        memcpy(in->data, r->head, (size_t)d.size);
        d.data = in->data;
    }
    code = ocitar_image_layer(&p->image, &d);
    if (code != OCITAR_OK)
        return explain(p, code);
    p->current = NULL;
    return DONE;
}

/* The next files of the artifact, as many as can be read twice, or a pipe;
   *at is moved past them. */
static int add_files(pack *p, size_t *at)
{
    static unsigned char buffer[262144];
    static reading r[TOGETHER];
    ocitar_digest digests[TOGETHER];
    uint64_t sizes[TOGETHER];
    size_t count = 0, i;
    int done = DONE;

    while (count < TOGETHER && *at + count < p->layers) {
        if (reading_begin(&r[count], p, &p->inputs[*at + count]) != DONE)
            return FAILED;
        if (r[count].passes == 1)
            break;
        count++;
    }
    if (count > 0) {
        done = copy_files(p, r, count, buffer, sizeof buffer, digests, sizes);
    } else {
        done = copy_pipe(p, r, buffer, sizeof buffer, digests, sizes);
        count = 1;
    }
    for (i = 0; done == DONE && i < count; i++)
        done = add_file(p, &r[i], &digests[i], sizes[i]);
    *at += count;
    return done;
}

/* All of a config, which is a small file. */
static int load_config(pack *p)
{
    enum { MOST = 4 << 20 };
    const char *type = NULL, *text = p->o->config;
    input in = OCITAR_ZERO;
    int done;

    if (text == NULL)
        return DONE;
    name_input(&in, p->o, text);
    type = in.media_type;
    in.descriptor = open(in.path, O_RDONLY | O_CLOEXEC);
    p->config = (char *)grow(NULL, MOST + 1, 1);
    p->config_type = type != NULL ? type
                                  : "application/vnd.unknown.config.v1+json";
    if (in.descriptor < 0) {
        complain("%s: %s", in.path, strerror(errno));
        done = FAILED;
    } else {
        done = read_full(&in, (unsigned char *)p->config, MOST + 1,
                         &p->config_len);
    }
    if (done == DONE && p->config_len > MOST) {
        complain("%s: a config of more than 4 MiB", in.path);
        done = FAILED;
    }
    close_inputs(&in, 1);
    return done;
}

/* ---- image ------------------------------------------------------------- */

/* One line for each layer, as readers want it, then those that made none. */
static void fill_history(pack *p, ocitar_image_desc *image)
{
    const options *o = p->o;
    size_t i;

    if (o->history.count == 0)
        return;
    image->history = p->history;
    image->history_count =
        o->history.count > p->layers ? o->history.count : p->layers;
    for (i = 0; i < image->history_count; i++) {
        if (i < o->history.count)
            p->history[i].created_by = o->history.items[i];
        p->history[i].created = image->created;
        p->history[i].empty_layer = i >= p->layers;
    }
}

static int begin_image(pack *p)
{
    const options *o = p->o;
    ocitar_image_desc image = o->image;

    image.config = p->config;
    image.config_len = p->config_len;
    image.config_media_type = p->config_type;
    image.more_references = o->references.items;
    image.more_reference_count = o->references.count;
    image.cmd = o->cmd.items;
    image.cmd_count = o->cmd.count;
    image.entrypoint = o->entrypoint.items;
    image.entrypoint_count = o->entrypoint.count;
    image.env = o->env.items;
    image.env_count = o->env.count;
    image.ports = o->ports.items;
    image.port_count = o->ports.count;
    image.volumes = o->volumes.items;
    image.volume_count = o->volumes.count;
    image.labels = o->labels.items;
    image.label_count = o->labels.count;
    image.annotations = o->annotations.items;
    image.annotation_count = o->annotations.count;
    image.algorithm = o->algorithm;
    fill_history(p, &image);
    return ocitar_image_begin(&p->image, &p->index, &image);
}

/* Before each entry of the archive. */
static int note_object(void *user, ocitar_entry *entry)
{
    static const char name[] = "index.json";
    pack *p = (pack *)user;
    size_t len = entry->name_len > 0 ? entry->name_len : strlen(entry->name);

    if (len == sizeof name - 1 && memcmp(entry->name, name, len) == 0)
        tap_index(&p->tap, ocitar_archive_size(&p->archive),
                  (uint64_t)entry->size);
    return 0;
}

static int begin_archive(pack *p)
{
    static unsigned char buffer[65536];
    ocitar_archive_desc archive = OCITAR_ZERO;
    ocitar_layout_desc layout = OCITAR_ZERO;
    ocitar_index_desc index = OCITAR_ZERO;
    int code;

    if (p->in_directory)
        ocitar_directory_layout(&p->directory, &layout);
    else if (!p->o->dry_run)
        ocitar_fd_sink(&p->output.fd, &p->tap.to);
    if (!p->in_directory)
        tap_sink(&p->tap, &archive.sink);
    archive.hook_fn = note_object;
    archive.hook_user = p;
    archive.buffer = buffer;
    archive.buffer_size = sizeof buffer;
    layout.keys = p->keys;
    layout.key_count = (uint32_t)(2 * (p->layers + 2));
    layout.algorithms = p->o->algorithm;
    index.descriptors = p->pool;
    index.capacity = p->layers + 1;
    index.no_docker = p->o->no_docker;
    code = ocitar_archive_begin(&p->archive, &archive);
    if (code == OCITAR_OK)
        code = ocitar_layout_begin(&p->layout,
                                   p->in_directory ? NULL : &p->archive,
                                   &layout);
    if (code == OCITAR_OK)
        code = ocitar_index_begin(&p->index, &p->layout, &index);
    if (code == OCITAR_OK)
        code = begin_image(p);
    return code == OCITAR_OK ? DONE : explain(p, code);
}

/* A directory has no tap: index.json is read back. */
static int digest_index(pack *p)
{
    unsigned char buffer[4096];
    ocitar_digester digester;
    ocitar_source source;
    size_t len = 1;
    int code = ocitar_layout_reader(&p->layout, "index.json", &source);

    if (code != OCITAR_OK)
        return code;
    ocitar_digester_begin(&digester, OCITAR_SHA256, NULL);
    while (code == 0 && len > 0) {
        code = source.get_fn(source.user, buffer, sizeof buffer, &len);
        ocitar_digester_update(&digester, buffer, len);
    }
    ocitar_digester_end(&digester, &p->tap.digest);
    return code == 0 ? (int)OCITAR_OK : (int)OCITAR_E_SOURCE;
}

static int pack_image(pack *p)
{
    int done = begin_archive(p), code;
    size_t at = 0;

    while (done == DONE && at < p->layers)
        done = p->o->command == ARTIFACT ? add_files(p, &at)
                                         : pack_layer(p, &p->inputs[at++]);
    if (done != DONE)
        return done;
    code = ocitar_image_end(&p->image);
    if (code == OCITAR_OK)
        code = ocitar_index_end(&p->index);
    if (code == OCITAR_OK && p->in_directory)
        code = digest_index(p);
    if (code == OCITAR_OK)
        code = p->in_directory ? ocitar_directory_finish(&p->directory)
                               : ocitar_archive_finish(&p->archive);
    return code == OCITAR_OK ? DONE : explain(p, code);
}

/* The digests of all parts. */
static int report_parts(const pack *p, FILE *to, const ocitar_descriptor *d)
{
    char digest[OCITAR_DIGEST_TEXT_MAX];
    int ok = 1;
    size_t i;

    for (i = 0; i < p->layers; i++) {
        ocitar_digest_format(&p->pool[i].digest, digest);
        ok &= fprintf(to, "layer     %s  %llu bytes  %s\n", digest,
                      (unsigned long long)p->pool[i].size,
                      p->inputs[i].path) > 0;
    }
    ocitar_digest_format(&d->diff_id, digest); /* an image's is its config */
    ok &= fprintf(to, "config    %s\n", digest) > 0;
    ocitar_digest_format(&d->digest, digest);
    return ok & (fprintf(to, "manifest  %s\n", digest) > 0);
}

/* What was made, for people. */
static int report_line(const pack *p, FILE *to)
{
    const ocitar_descriptor *d = ocitar_image_descriptor(&p->image);
    const ocitar_platform *platform = &d->platform;
    int dry = p->o->dry_run, ok = !dry || report_parts(p, to, d);
    const char *what = p->o->command == ARTIFACT ? "file" : "layer";
    char digest[OCITAR_DIGEST_TEXT_MAX];
    uint64_t size = ocitar_archive_size(&p->archive);
    ocitar_reference ref = OCITAR_ZERO;
    size_t i;

    if (d->reference == NULL || /* sloci-image's, a path */
        ocitar_reference_parse(&ref, d->reference, 0) != OCITAR_OK)
        ref.tag = p->o->name;
    ocitar_digest_format(&d->digest, digest);
    for (i = 0; i < p->layers && p->in_directory; i++)
        size += p->pool[i].size;
    ok &= fprintf(to, "%s%s  ", p->o->name,
                  ref.tag == NULL ? ":latest" : "") > 0;
    if (d->artifact_type != NULL)
        ok &= fputs(d->artifact_type, to) >= 0;
    else
        ok &= fprintf(to, "%s/%s%s%s", platform->os, platform->architecture,
                      platform->variant != NULL ? "/" : "",
                      platform->variant != NULL ? platform->variant : "") > 0;
    ok &= fprintf(to, "  %zu %s%s  %llu bytes  %s  -> %s\n", p->layers, what,
                  p->layers == 1 ? "" : "s", (unsigned long long)size, digest,
                  dry ? "nothing written" : p->output_shown) > 0;
    return written(to, ok);
}

/* ---- JSON -------------------------------------------------------------- */

/* A string. What is not UTF-8, which a path may be, becomes U+FFFD. */
static void json_string(FILE *to, const char *s)
{
    size_t n;

    putc('"', to);
    for (; *s != 0; s += n > 0 ? n : 1) {
        n = utf8_length(s);
        if (n == 0)
            fputs("\\ufffd", to);
        else if (*s == '"' || *s == '\\')
            fprintf(to, "\\%c", *s);
        else if (n == 1 && *s < ' ')
            fprintf(to, "\\u%04x", (unsigned)*s);
        else
            fwrite(s, 1, n, to);
    }
    putc('"', to);
}

/* A member of an object; `before` is what stands before it: "{" or ",". */
static void json_key(FILE *to, const char *before, const char *key)
{
    fprintf(to, "%s\"%s\":", before, key);
}

static void json_text(FILE *to, const char *before, const char *key,
                      const char *value)
{
    json_key(to, before, key);
    json_string(to, value);
}

static void json_size(FILE *to, const char *before, const char *key,
                      uint64_t value)
{
    json_key(to, before, key);
    fprintf(to, "%llu", (unsigned long long)value);
}

static void json_digest(FILE *to, const char *before, const char *key,
                        const ocitar_digest *digest)
{
    char text[OCITAR_DIGEST_TEXT_MAX];

    ocitar_digest_format(digest, text);
    json_text(to, before, key, text);
}

/* A reference with its tag, written or not. */
static void json_reference(FILE *to, const char *reference)
{
    ocitar_reference ref;
    size_t size = strlen(reference) + sizeof ":latest";
    char *full = (char *)grow(NULL, size, 1);
    int tagged = ocitar_reference_parse(&ref, reference, 0) != OCITAR_OK ||
                 ref.tag != NULL;

    snprintf(full, size, "%s%s", reference, tagged ? "" : ":latest");
    json_string(to, full);
    free(full);
}

static void json_platform(FILE *to, const ocitar_platform *platform)
{
    json_key(to, ",", "platform");
    json_text(to, "{", "os", platform->os);
    json_text(to, ",", "architecture", platform->architecture);
    if (platform->variant != NULL)
        json_text(to, ",", "variant", platform->variant);
    putc('}', to);
}

/* The layers, each with the ChainID of the layers up to it. */
static void json_layers(FILE *to, const pack *p)
{
    ocitar_digest chain = OCITAR_ZERO;
    size_t i;

    json_key(to, ",", "layers");
    putc('[', to);
    for (i = 0; i < p->layers; i++) {
        const ocitar_descriptor *d = &p->pool[i];

        json_text(to, i > 0 ? ",{" : "{", "mediaType",
                  p->o->image.docker_types
                      ? ocitar_media_type_docker(d->media_type)
                      : ocitar_media_type_oci(d->media_type));
        json_size(to, ",", "size", d->size);
        json_digest(to, ",", "digest", &d->digest);
        if (d->diff_id.algorithm != 0 &&
            ocitar_chain_id(&chain, i > 0 ? &chain : NULL, &d->diff_id) ==
                OCITAR_OK) {
            json_digest(to, ",", "diffID", &d->diff_id);
            json_digest(to, ",", "chainID", &chain);
        }
        json_text(to, ",", "source", input_source(&p->inputs[i]));
        putc('}', to);
    }
    putc(']', to);
}

static int report_json(const pack *p, FILE *to)
{
    const ocitar_descriptor *d = ocitar_image_descriptor(&p->image);
    size_t i;

    json_key(to, "{", "reference");
    json_reference(to, d->reference);
    json_key(to, ",", "references");
    for (i = 0; i <= d->more_reference_count; i++) {
        putc(i == 0 ? '[' : ',', to);
        json_reference(to, i == 0 ? d->reference : d->more_references[i - 1]);
    }
    putc(']', to);
    json_text(to, ",", "output", p->output_name);
    json_key(to, ",", "dryRun");
    fputs(p->o->dry_run ? "true" : "false", to);
    if (!p->in_directory)
        json_size(to, ",", "size", ocitar_archive_size(&p->archive));
    json_digest(to, ",", "index", &p->tap.digest);
    json_text(to, ",", "mediaType", d->media_type);
    json_digest(to, ",", "manifest", &d->digest);
    json_size(to, ",", "manifestSize", d->size);
    json_digest(to, ",", "config", &d->diff_id);
    if (d->artifact_type != NULL)
        json_text(to, ",", "artifactType", d->artifact_type);
    if (d->platform.architecture != NULL)
        json_platform(to, &d->platform);
    json_layers(to, p);
    fputs("}\n", to);
    return written(to, !ferror(to));
}

/* What was made. Standard output may be taken by the archive. */
static int report(const pack *p)
{
    int taken = p->o->command == SLOCI ||
                (strcmp(p->output_name, "-") == 0 && !p->o->dry_run);
    FILE *to = taken ? stderr : stdout;

    if (p->o->json)
        return report_json(p, to);
    return p->o->quiet ? (int)DONE : report_line(p, to);
}

/* ---- pack: the run ----------------------------------------------------- */

/* Is there nothing in the directory, or no directory? */
static int is_empty(const char *path)
{
    const struct dirent *entry;
    DIR *directory = opendir(path);
    int count = 0;

    if (directory == NULL)
        return 1; /* to be made, or not to be had, as opening tells */
    while ((entry = readdir(directory)) != NULL)
        count += strcmp(entry->d_name, ".") != 0 &&
                 strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return count == 0;
}

static int open_output(pack *p)
{
    int code = 0;

    if (p->in_directory) {
        if (!is_empty(p->output_name)) {
            complain("%s: not empty; a layout goes into a new directory",
                     p->output_shown);
            return FAILED;
        }
        if (ocitar_directory_begin(&p->directory, p->output_name, 0, &code) ==
            OCITAR_OK)
            return DONE;
        complain("%s: %s", p->output_shown, strerror(code));
        return FAILED;
    }
    if (ocitar_output_open(&p->output, p->output_name, &code) != OCITAR_OK) {
        complain("%s: %s%s", p->output_shown, strerror(code),
                 code == EISDIR ? " (with a / at its end: a layout in it)"
                                : "");
        return FAILED;
    }
    if (p->output.directory >= 0) {
        pending_output = &p->output;
        return DONE;
    }
    if (isatty(p->output.fd.descriptor)) {
        complain("%s: a tar is not written to a terminal", p->output_shown);
        return FAILED;
    }
    if (fstat(p->output.fd.descriptor, &p->output_info) != 0 ||
        !S_ISREG(p->output_info.st_mode))
        memset(&p->output_info, 0, sizeof p->output_info);
    widen_pipe(p->output.fd.descriptor);
    return DONE;
}

static int commit_output(pack *p)
{
    int code = 0;

    if (ocitar_output_commit(&p->output, 0, &code) == OCITAR_OK &&
        (strcmp(p->output_name, "-") != 0 || close(STDOUT_FILENO) == 0))
        return DONE;
    complain("%s: %s", p->output_shown, strerror(code != 0 ? code : errno));
    return FAILED;
}

/* Shows progress if it was asked for, or where somebody may look. */
static void show_progress(const pack *p)
{
    const options *o = p->o;
    uint64_t total = 0;
    size_t i;

    if (o->quiet ||
        (!o->progress && (o->json || !isatty(STDERR_FILENO))))
        return;
    for (i = 0; i < p->layers; i++) {
        if (p->inputs[i].descriptor < 0 ||
            !S_ISREG(p->inputs[i].info.st_mode))
            break;
        total += (uint64_t)p->inputs[i].info.st_size;
    }
    progress_begin(i == p->layers ? total : 0);
}

/* The directories above a path, as sloci-image makes them; what cannot be
   made, opening the output tells. */
static void make_parents(char *path)
{
    char *slash;

    for (slash = strchr(path + 1, '/'); slash != NULL && slash[1] != 0;
         slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(path, 0777) != 0)
            errno = 0;
        *slash = '/';
    }
}

/* From open inputs to a complete file. */
static int pack_output(pack *p)
{
    int done;

    if (p->o->command == SLOCI)
        make_parents(p->output_name);
    done = check_outside(p->output_name, p->inputs, p->layers);
    if (done == DONE && !p->o->dry_run)
        done = open_output(p);
    if (done == DONE) {
        show_progress(p);
        done = pack_image(p);
        progress_end();
    }
    if (done == DONE && !p->o->dry_run && !p->in_directory)
        done = commit_output(p);
    if (!p->o->dry_run)
        ocitar_output_abandon(&p->output); /* nothing, after a commit */
    ocitar_directory_end(&p->directory);
    pending_output = NULL;
    return done == DONE ? report(p) : done;
}

static int begin_spool(pack *p)
{
    ocitar_spool_desc desc = OCITAR_ZERO;
    const char *directory = getenv("TMPDIR");

    p->temp_directory =
        directory != NULL && *directory != 0 ? directory : "/tmp";
    ocitar_heap(&p->heap);
    ocitar_temp_begin(&p->temp, p->temp_directory);
    ocitar_temp_store(&p->temp, &p->store);
    if (p->o->memory > 0)
        desc.allocator = &p->heap;
    desc.memory_limit = p->o->memory;
    desc.store = &p->store;
    return ocitar_spool_begin(&p->spool, &desc) == OCITAR_OK ? DONE : FAILED;
}

static int pack_options(const options *o)
{
    static pack p;
    size_t n = o->operands.count;
    size_t lines = n > o->history.count ? n : o->history.count;
    int done;

    p.o = o;
    p.layers = n;
    p.output.directory = -1;
    p.output.fd.descriptor = -1;
    p.output_name = output_name(o);
    p.in_directory = !o->dry_run &&
                     p.output_name[strlen(p.output_name) - 1] == '/';
    p.output_shown =
        strcmp(p.output_name, "-") == 0 ? "standard output" : p.output_name;
    p.inputs = (input *)grow(NULL, n, sizeof *p.inputs);
    memset(p.inputs, 0, n * sizeof *p.inputs);
    p.pool = (ocitar_descriptor *)grow(NULL, n + 1, sizeof *p.pool);
    p.keys = (ocitar_key *)grow(NULL, 2 * (n + 2), sizeof *p.keys);
    p.history = (ocitar_history *)grow(NULL, lines, sizeof *p.history);
    memset(p.history, 0, lines * sizeof *p.history);
    done = begin_spool(&p);
    if (done == DONE)
        done = open_inputs(p.inputs, o);
    if (done == DONE)
        done = load_config(&p);
    if (done == DONE)
        done = pack_output(&p);
    close_inputs(p.inputs, n);
    ocitar_spool_end(&p.spool);
    ocitar_temp_end(&p.temp);
    free(p.history);
    free(p.keys);
    free(p.pool);
    free(p.inputs);
    free(p.output_name);
    free(p.config);
    return done;
}

#include "ocitar_read.h"

static int run_command(uint16_t command, const char *help, char **argv)
{
    static options o;
    int code;

    help_command = help;
    o.command = command;
    o.memory = 256 << 10;
    o.algorithm = OCITAR_SHA256;
    code = parse_arguments(&o, argv);
    if (code < 0 && (command & READS) != 0)
        code = run_read(&o);
    else if (code < 0) {
        code = complete_options(&o);
        if (code < 0)
            code = pack_options(&o);
    }
    options_free(&o);
    return code;
}

/* ---- main -------------------------------------------------------------- */

/* A closed standard descriptor would be the next file's; then messages would
   end in the archive. It becomes one that fails when it is used. */
static void reserve_descriptors(void)
{
    int fd;

    for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
            exit(FAILED);
}

/* Is this the name that the program was called by, or its end? */
static int called_as(const char *program, const char *name)
{
    size_t len = strlen(program), name_len = strlen(name);

    return len >= name_len && strcmp(program + len - name_len, name) == 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        uint16_t command;
    } commands[] = {{"ocitar pack", PACK},     {"ocitar artifact", ARTIFACT},
                    {"ocitar verify", VERIFY}, {"ocitar ls", LS},
                    {"ocitar cat", CAT},       {"ocitar index", INDEX},
                    {"ocitar export", EXPORT}, {"ocitar import", IMPORT}};
    const char *command = argc > 1 ? argv[1] : "";
    size_t i;

    reserve_descriptors();
    catch_signals();
    if (argc > 0 && called_as(argv[0], "sloci-image"))
        return run_command(SLOCI, "sloci-image", argv + 1);
    if (argc < 2) {
        fputs(help_text, stderr);
        return WRONG;
    }
    for (i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(command, commands[i].name + strlen("ocitar ")) == 0)
            return run_command(commands[i].command, commands[i].name,
                               argv + 2);
    if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0)
        return print(general_help);
    if (strcmp(command, "--version") == 0 || strcmp(command, "-V") == 0)
        return print(version_text);
    return wrong(command, NULL,
                 command[0] == '-' ? "unknown option" : "unknown command");
}
