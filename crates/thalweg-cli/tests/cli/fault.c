// Lets the n-th operation of a program on files fail (FAULT=fail:n), or kills the program there (FAULT=kill:n), a
// write half done. FAULT=count writes how many there are to the file that FAULT_COUNT names.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int count;

__attribute__((destructor)) static void finish(void) {
    const char *path = getenv("FAULT_COUNT");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "%d", count);
        fclose(file);
    }
}

// 'f' if this operation is to fail, 'k' if the program is to be killed at it, 0 otherwise.
static char due(void) {
    const char *fault = getenv("FAULT");
    int now = __sync_add_and_fetch(&count, 1);
    const char *place = fault ? strchr(fault, ':') : NULL;
    if (!place || atoi(place + 1) != now)
        return 0;
    errno = now % 2 ? ENOSPC : EIO;
    return fault[0];
}

static void die(void) { kill(getpid(), SIGKILL); }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

// An operation whose failure is -1.
#define WRAP(name, parameters, arguments)     \
    int name parameters {                     \
        char what = due();                    \
        if (what == 'k')                      \
            die();                            \
        return what ? -1 : REAL(name) arguments; \
    }

WRAP(fsync, (int fd), (fd))
WRAP(rename, (const char *from, const char *to), (from, to))
WRAP(unlink, (const char *path), (path))
WRAP(mkdir, (const char *path, mode_t mode), (path, mode))

#define WRAP_OPEN(name)                                   \
    int name(const char *path, int flags, ...) {          \
        va_list list;                                     \
        va_start(list, flags);                            \
        mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0; \
        va_end(list);                                     \
        char what = flags & O_CREAT ? due() : 0;          \
        if (what == 'k')                                  \
            die();                                        \
        return what ? -1 : REAL(name)(path, flags, mode); \
    }

WRAP_OPEN(open)
WRAP_OPEN(open64)

ssize_t write(int fd, const void *bytes, size_t length) {
    struct stat of;
    int plain = fd > 2 && fstat(fd, &of) == 0 && S_ISREG(of.st_mode);
    char what = plain ? due() : 0;
    if (what == 'k') {
        REAL(write)(fd, bytes, length / 2);
        die();
    }
    return what ? -1 : REAL(write)(fd, bytes, length);
}
