/* A long link between two network namespaces: delay NEAR FAR MICROSECONDS MEGABITS
 *
 * Makes the tun device "long" in both, says "ready", and carries each packet from one to the other: it leaves when the
 * packets before it have left at the link's rate, and arrives that delay later. A packet that finds the queue full is
 * dropped. One thread a direction, until it is killed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { PACKET_MAX = 9216, SECOND = 1000000000 };

struct packet { int64_t due; int length; char bytes[PACKET_MAX]; };
struct way { int from, to, slots; int64_t delay, bits; };

static void fail(const char *what) { perror(what); exit(1); }

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

static int make(const char *space)
{
    char path[256];
    struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
    snprintf(path, sizeof path, "/run/netns/%s", space);
    int door = open(path, O_RDONLY | O_CLOEXEC);
    if (door < 0 || setns(door, CLONE_NEWNET) < 0) fail(path);
    close(door);
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    strcpy(request.ifr_name, "long");
    if (tun < 0 || ioctl(tun, TUNSETIFF, &request) < 0) fail("/dev/net/tun");
    return tun;
}

static void *carry(void *argument)
{
    struct way *way = argument;
    struct packet *queue = malloc((size_t)way->slots * sizeof *queue);
    int64_t free_at = 0;
    unsigned head = 0, tail = 0;
    char dropped[PACKET_MAX];
    if (!queue) fail("malloc");
    for (;;) {
        int64_t time = now();
        while (head != tail && queue[head % way->slots].due <= time) {
            struct packet *first = &queue[head++ % way->slots];
            if (write(way->to, first->bytes, first->length) < 0 && errno != EAGAIN && errno != EIO) fail("write");
        }
        for (int burst = 0; burst < 64; burst++) {
            int full = tail - head == (unsigned)way->slots;
            struct packet *last = &queue[tail % way->slots];
            int length = read(way->from, full ? dropped : last->bytes, PACKET_MAX);
            if (length < 0 && errno != EAGAIN && errno != EIO) fail("read");
            if (length <= 0) break;
            if (full) continue;
            if (free_at < time) free_at = time;
            free_at += (int64_t)length * 8 * SECOND / way->bits;
            last->length = length;
            last->due = free_at + way->delay;
            tail++;
        }
        struct pollfd readable = { .fd = way->from, .events = POLLIN };
        struct timespec wait = { 0, 1000000 };
        if (head != tail) {
            int64_t left = queue[head % way->slots].due - now();
            if (left <= 0) continue;
            if (left < wait.tv_nsec) wait.tv_nsec = left;
        }
        ppoll(&readable, 1, &wait, NULL);
    }
    return NULL;
}

int main(int count, char **words)
{
    if (count != 5) { fprintf(stderr, "usage: delay NEAR FAR MICROSECONDS MEGABITS\n"); return 2; }
    int near = make(words[1]), far = make(words[2]);
    int64_t delay = atoll(words[3]) * 1000, bits = atoll(words[4]) * 1000000;
    /* What is on its way, and as much again that waits to leave. */
    int slots = 256;
    while (slots < 2 * (delay * bits / SECOND / 8 / 9000 + 64) * 2) slots *= 2;
    struct way out = { near, far, slots, delay, bits }, back = { far, near, slots, delay, bits };
    pthread_t thread;
    puts("ready");
    fflush(stdout);
    if (pthread_create(&thread, NULL, carry, &back)) fail("thread");
    carry(&out);
}
