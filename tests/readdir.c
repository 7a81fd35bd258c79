/* readdir.c - preloaded, a directory is read from its end: another order of
   the same names, whatever the file system. same.sh packs under it. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static DIR *current; /* whose entries are held */
static struct dirent *held;
static size_t left;

static int fill(DIR *dir)
{
    struct dirent *(*next)(DIR *) = NULL;
    struct dirent *entry, *more;
    void *symbol = dlsym(RTLD_NEXT, "readdir64");

    memcpy(&next, &symbol, sizeof next);
    current = dir;
    left = 0;
    while ((entry = next(dir)) != NULL) {
        more = realloc(held, (left + 1) * sizeof *held);
        if (more == NULL)
            return -1;
        held = more;
        memcpy(&held[left++], entry, entry->d_reclen);
    }
    return 0;
}

/* One directory at a time, from its first entry to the last: as it is read
   by what is tested. */
struct dirent *readdir(DIR *dir)
{
    if (current != dir && fill(dir) != 0)
        abort();
    if (left == 0) {
        current = NULL;
        return NULL;
    }
    return &held[--left];
}

struct dirent64 *readdir64(DIR *dir)
{
    return (struct dirent64 *)(void *)readdir(dir);
}
