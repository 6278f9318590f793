/*
 * The floor under `full`: what copying takes on this machine with the fewest system calls that do it right, and nothing
 * else. Threads copy whole directories (open, statx, read, create, write, times, close) as the files' owner, then
 * syncfs. It checks nothing, keeps no state, knows no mailbox.
 *
 *   floor SOURCE TARGET UID GID THREADS
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PIECE (1 << 20)

static int source, target;
static uid_t uid;
static gid_t gid;
static char **directories;
static int count;
static atomic_int next;

static void must(int isTrue, const char *what)
{
    if (!isTrue) err(1, "%s", what);
}

/* Makes every directory, and lists those that have files. */
static void makeBelow(const char *relative)
{
    int fd = openat(source, relative, O_RDONLY | O_DIRECTORY);
    must(fd >= 0, relative);
    must(mkdirat(target, relative, 0700) == 0 || *relative == '.', relative);
    must(fchownat(target, relative, uid, gid, 0) == 0, relative);
    DIR *dir = fdopendir(fd);
    int hasFiles = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_type != DT_DIR) {
            hasFiles = 1;
        } else if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) {
            char *below;
            must(asprintf(&below, "%s/%s", relative, entry->d_name) > 0, "asprintf");
            makeBelow(below);
            free(below);
        }
    }
    closedir(dir);
    if (!hasFiles) return;
    directories = realloc(directories, sizeof(char *) * (count + 1));
    directories[count++] = strdup(relative);
}

static void copyFile(int from, int to, const char *name, char *piece)
{
    struct statx stat;
    int input = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME | O_CLOEXEC);
    must(input >= 0 && statx(input, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stat) == 0, name);
    int output = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    must(output >= 0, name);
    for (ssize_t n = PIECE; n == PIECE;) {
        n = read(input, piece, PIECE);
        must(n >= 0 && write(output, piece, n) == n, name);
    }
    struct timespec time = {stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec};
    must(futimens(output, (struct timespec[2]){time, time}) == 0, name);
    close(output);
    close(input);
}

static void *copyDirectories(void *nothing)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct capabilities[2];
    must(syscall(SYS_capget, &header, capabilities) == 0, "capget");
    setfsgid(gid);
    setfsuid(uid);
    must(syscall(SYS_capset, &header, capabilities) == 0, "capset");
    char *piece = malloc(PIECE);
    for (int i; (i = next++) < count;) {
        int from = openat(source, directories[i], O_RDONLY | O_DIRECTORY);
        int to = openat(target, directories[i], O_RDONLY | O_DIRECTORY);
        must(from >= 0 && to >= 0, directories[i]);
        DIR *dir = fdopendir(from);
        for (struct dirent *entry; (entry = readdir(dir));)
            if (entry->d_type == DT_REG) copyFile(from, to, entry->d_name, piece);
        closedir(dir);
        close(to);
    }
    free(piece);
    return nothing;
}

int main(int argc, char **argv)
{
    if (argc != 6) errx(2, "usage: floor SOURCE TARGET UID GID THREADS");
    source = open(argv[1], O_RDONLY | O_DIRECTORY);
    target = open(argv[2], O_RDONLY | O_DIRECTORY);
    must(source >= 0 && target >= 0, "open");
    uid = atoi(argv[3]);
    gid = atoi(argv[4]);
    int threads = atoi(argv[5]);
    makeBelow(".");
    pthread_t thread[threads];
    for (int i = 0; i < threads; i++) must(pthread_create(&thread[i], NULL, copyDirectories, NULL) == 0, "thread");
    for (int i = 0; i < threads; i++) pthread_join(thread[i], NULL);
    must(syncfs(target) == 0, "syncfs");
    return 0;
}
