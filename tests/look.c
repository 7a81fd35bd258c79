/* look DIR - prints what is in a directory, in byte order, with all below it:
   "name/" a directory, "name: " and its first line (not more of it) a file,
   "name -> " a link.
   The program in the images of consumers.sh: it is what sees the layers. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int in_order(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int first_line(const char *path)
{
    char line[256];
    FILE *f = fopen(path, "r");

    if (f == NULL)
        return 1;
    if (fgets(line, sizeof line, f) == NULL)
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    printf(": %s\n", line);
    fclose(f);
    return 0;
}

static int look(const char *directory, size_t skip)
{
    struct dirent **names = NULL;
    struct stat st;
    char path[4096], target[4096];
    ssize_t n;
    int i, bad = 0, count = scandir(directory, &names, NULL, in_order);

    if (count < 0)
        return 1;
    for (i = 0; i < count; i++) {
        const char *name = names[i]->d_name;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, name);
        printf("%s", path + skip);
        if (lstat(path, &st) != 0) {
            bad = 1;
        } else if (S_ISDIR(st.st_mode)) {
            puts("/");
            bad |= look(path, skip);
        } else if (S_ISLNK(st.st_mode)) {
            n = readlink(path, target, sizeof target - 1);
            target[n > 0 ? n : 0] = '\0';
            printf(" -> %s\n", target);
        } else {
            bad |= first_line(path);
        }
        free(names[i]);
    }
    free(names);
    return bad;
}

int main(int argc, char **argv)
{
    return argc == 2 ? look(argv[1], strlen(argv[1]) + 1) : 2;
}
