/* Makes calls of the C library fail as they do on some file systems; see the fixture `shim`. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/* SHIM_FSYNC: the error of every fsync of a folder. */
int fsync(int descriptor)
{
    const char *number = getenv("SHIM_FSYNC");
    struct stat found;
    if (number && fstat(descriptor, &found) == 0 && S_ISDIR(found.st_mode)) {
        errno = atoi(number);
        return -1;
    }
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(descriptor);
}

/* SHIM_FLOCK: the error of every flock. */
int flock(int descriptor, int operation)
{
    const char *number = getenv("SHIM_FLOCK");
    if (number) {
        errno = atoi(number);
        return -1;
    }
    return ((int (*)(int, int))dlsym(RTLD_NEXT, "flock"))(descriptor, operation);
}
