// The test guest's workload: it fills memory and disk with data that prove themselves, checks them all the time, and
// tells over TCP what it found. README.md describes its options, ports and commands.
//
// Each piece of data has one owner thread: ram_main() owns the RAM region, a disk_main() owns each disk log. Other
// threads read counters and leave requests, so a check never races with a write.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PAGE = 4096,
    STREAM_PORT = 7000,
    COMMAND_PORT = 7001,
    DISKS_MAX = 4,
    CLIENTS_MAX = 64,
    ERRORS_LOGGED_MAX = 20,
    TICK_NS = 1000 * 1000,
    CATCH_UP_MAX_NS = 20 * 1000 * 1000,  // after a pause the rates go on; they do not make up for lost time
    BATCH_MAX = 256,                     // work between two looks at the requests
    VERIFY_SECONDS = 10,                 // background check of the whole RAM region takes about this long
    DISK_CHECKS_PER_SECOND = 20,
    READ_BLOCKS = 16,                    // blocks that a full check reads at once
    ZERO_EVERY = 32,                     // every so many disk operations zero a block instead of writing one
};

static const uint64_t SECOND_NS = 1000000000;
static const uint64_t RATE_UNLIMITED = UINT64_MAX;

// ---- Small tools ----------------------------------------------------------------------------------------------------

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static void sleep_ns(uint64_t ns) {
    struct timespec t = {.tv_sec = (time_t)(ns / SECOND_NS), .tv_nsec = (long)(ns % SECOND_NS)};
    nanosleep(&t, NULL);
}

// A bijective mixer with full avalanche (finalizer constants of David Stafford's variant 13).
static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t next_random(uint64_t *state) {
    *state += 0x9e3779b97f4a7c15u;
    return mix(*state);
}

static void say(const char *format, ...) {
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    printf("umbra-guest: %s\n", line);
    fflush(stdout);
}

static void die(const char *what) {
    say("FATAL %s: %s", what, strerror(errno));
    abort();
}

static void start_thread(void *(*entry)(void *), void *argument) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, entry, argument) != 0) die("pthread_create");
    pthread_detach(thread);
}

// ---- Options --------------------------------------------------------------------------------------------------------

static char command_line[4096];

static uint64_t parse_rate(const char *text) {
    return strcmp(text, "max") == 0 ? RATE_UNLIMITED : strtoull(text, NULL, 10);
}

static bool option_text(const char *name, char *value, size_t size) {
    size_t length = strlen(name);
    for (const char *at = strstr(command_line, name); at; at = strstr(at + 1, name)) {
        if (at[length] != '=' || (at != command_line && at[-1] != ' ')) continue;
        size_t n = strcspn(at + length + 1, " \n");
        if (n >= size) n = size - 1;
        memcpy(value, at + length + 1, n);
        value[n] = 0;
        return true;
    }
    return false;
}

static uint64_t option_rate(const char *name, uint64_t otherwise) {
    char value[64];
    return option_text(name, value, sizeof value) ? parse_rate(value) : otherwise;
}

static uint64_t option_bytes(const char *name, uint64_t otherwise) {
    char value[64], *end;
    if (!option_text(name, value, sizeof value)) return otherwise;
    uint64_t number = strtoull(value, &end, 10);
    switch (*end) {
        case 'G': return number << 30;
        case 'M': return number << 20;
        case 'K': return number << 10;
        default: return number;
    }
}

static void read_text(const char *path, char *into, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, into, size - 1);
    if (n < 0) die(path);
    close(fd);
    into[n] = 0;
    into[strcspn(into, "\n")] = 0;
}

// ---- Counters and errors: written by the owners, read by everybody --------------------------------------------------

struct counters {
    _Atomic uint64_t ram_writes, ram_verified, ram_errors, ram_passes;
    _Atomic uint64_t disk_writes, disk_verified, disk_errors, disk_write_max_ns;
};

static struct counters counters;
static _Atomic uint64_t ram_rate, disk_rate, line_rate;
static _Atomic int clients;
static _Atomic bool has_error;
static char first_error[160];
static uint64_t seed;
static char boot_id[40];

// An error is permanent: its counter never goes down again.
static void report_error(_Atomic uint64_t *counter, const char *format, ...) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static int logged;
    char text[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (*counter)++;
    pthread_mutex_lock(&lock);
    if (!has_error) strcpy(first_error, text);
    has_error = true;
    if (logged++ < ERRORS_LOGGED_MAX) say("ERROR %s", text);
    pthread_mutex_unlock(&lock);
}

// Turns a rate into the number of operations that are due now.
struct pacer {
    uint64_t last_ns, credit;
};

static uint64_t due(struct pacer *pacer, uint64_t per_second) {
    uint64_t now = now_ns(), elapsed = now - pacer->last_ns;
    pacer->last_ns = now;
    if (per_second == RATE_UNLIMITED) return BATCH_MAX;
    if (elapsed > CATCH_UP_MAX_NS) elapsed = CATCH_UP_MAX_NS;
    pacer->credit += elapsed * per_second;
    uint64_t operations = pacer->credit / SECOND_NS;
    pacer->credit %= SECOND_NS;
    return operations;
}

// A full check that somebody asks an owner for and waits for.
struct request {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t asked, done;
};

#define REQUEST_INITIALIZER {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0}

static void ask_and_wait(struct request *request) {
    pthread_mutex_lock(&request->lock);
    uint64_t ticket = ++request->asked;
    while (request->done < ticket) pthread_cond_wait(&request->changed, &request->lock);
    pthread_mutex_unlock(&request->lock);
}

static void serve(struct request *request, void (*check)(void *), void *argument) {
    pthread_mutex_lock(&request->lock);
    uint64_t ticket = request->asked;
    bool is_asked = request->done < ticket;
    pthread_mutex_unlock(&request->lock);
    if (!is_asked) return;
    check(argument);
    pthread_mutex_lock(&request->lock);
    request->done = ticket;
    pthread_cond_broadcast(&request->changed);
    pthread_mutex_unlock(&request->lock);
}

// ---- RAM ------------------------------------------------------------------------------------------------------------

// Says where it is, how often it was written and what it must hold.
struct record {
    uint64_t address, counter, payload, checksum;
};

enum { RECORDS = PAGE / sizeof(struct record) };

static struct record *region;
static uint64_t *page_sums;  // per page, the sum of its counters: a page of another moment does not fit it
static uint64_t page_count, record_writes, records_per_write, hot_pages;
static struct request ram_check = REQUEST_INITIALIZER;

static void fill_record(struct record *record, uint64_t address, uint64_t counter) {
    record->address = address;
    record->counter = counter;
    record->payload = mix(counter ^ seed);
    record->checksum = mix(address * 3 + counter * 5 + record->payload);
}

static void create_region(uint64_t bytes) {
    page_count = bytes / PAGE;
    region = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    page_sums = calloc(page_count, sizeof *page_sums);
    if (region == MAP_FAILED || !page_sums) die("RAM region");
    for (uint64_t i = 0; i < page_count * RECORDS; i++) fill_record(&region[i], i * sizeof(struct record), 0);
}

// Nine in ten writes go to the hot part, as in a database; the rest anywhere.
static void write_page(uint64_t *random) {
    uint64_t r = next_random(random);
    uint64_t page = r % 10 == 0 ? (r >> 8) % page_count : (r >> 8) % hot_pages;
    for (uint64_t i = 0; i < records_per_write; i++) {
        uint64_t index = page * RECORDS + next_random(random) % RECORDS;
        fill_record(&region[index], index * sizeof(struct record), region[index].counter + 1);
        page_sums[page]++;
        record_writes++;
    }
    counters.ram_writes++;
}

static void verify_page(uint64_t page) {
    uint64_t sum = 0;
    for (uint64_t i = page * RECORDS; i < (page + 1) * RECORDS; i++) {
        struct record expected;
        fill_record(&expected, i * sizeof(struct record), region[i].counter);
        sum += region[i].counter;
        if (memcmp(&expected, &region[i], sizeof expected) == 0) continue;
        report_error(&counters.ram_errors, "ram page %lu record %lu: address %lx counter %lu", page, i % RECORDS,
                     region[i].address, region[i].counter);
        return;
    }
    if (sum != page_sums[page])
        report_error(&counters.ram_errors, "ram page %lu: counters sum to %lu, expected %lu", page, sum,
                     page_sums[page]);
    counters.ram_verified++;
}

static void verify_region(void *unused) {
    (void)unused;
    uint64_t total = 0;
    for (uint64_t page = 0; page < page_count; page++) {
        verify_page(page);
        total += page_sums[page];
    }
    if (total != record_writes)
        report_error(&counters.ram_errors, "ram: %lu record writes are there, %lu were made", total, record_writes);
    counters.ram_passes++;
}

static void *ram_main(void *unused) {
    struct pacer writes = {now_ns(), 0}, checks = {now_ns(), 0};
    uint64_t random = seed, next_check = 0;
    for (;;) {
        uint64_t rate = ram_rate;
        if (rate != RATE_UNLIMITED) sleep_ns(TICK_NS);
        for (uint64_t n = due(&writes, rate); n > 0; n--) write_page(&random);
        for (uint64_t n = due(&checks, page_count / VERIFY_SECONDS + 1); n > 0; n--) {
            verify_page(next_check);
            if (++next_check < page_count) continue;
            next_check = 0;
            counters.ram_passes++;
        }
        serve(&ram_check, verify_region, unused);
    }
    return NULL;
}

// ---- Disk -----------------------------------------------------------------------------------------------------------

// Says where it is and which write it is of; checksum and body follow from the rest.
struct block {
    uint64_t magic, sequence, offset, seed, checksum, body[PAGE / 8 - 5];
};

_Static_assert(sizeof(struct block) == PAGE, "a block is a page");

static const uint64_t BLOCK_MAGIC = 0x31474f4c41424d55;  // "UMBALOG1"

// What a slot of the log holds, as far as RAM knows: a sequence number, or one of these.
enum { SLOT_FOREIGN = 0, SLOT_BLANK = 1, SEQUENCE_FIRST = 2 };

struct disk {
    char name[16];
    int fd;
    uint64_t slots, next_sequence, next_check;
    uint64_t *holds;       // per slot; changed only when the disk has confirmed the write
    struct block *buffer;  // READ_BLOCKS, aligned: what is read or written
    struct request check;
};

static struct disk disks[DISKS_MAX];
static _Atomic int disk_count;

static void fill_block(struct block *block, uint64_t slot, uint64_t sequence) {
    memset(block, 0, sizeof *block);
    if (sequence == SLOT_BLANK) return;
    block->magic = BLOCK_MAGIC;
    block->sequence = sequence;
    block->offset = slot * PAGE;
    block->seed = seed;
    block->checksum = mix(seed ^ mix(block->offset ^ mix(sequence)));
    uint64_t state = block->checksum;
    for (size_t i = 0; i < sizeof block->body / 8; i++)
        block->body[i] = state = state * 6364136223846793005u + 1442695040888963407u;
}

static bool read_slots(struct disk *disk, uint64_t slot, uint64_t count) {
    ssize_t bytes = (ssize_t)(count * PAGE);
    if (pread(disk->fd, disk->buffer, (size_t)bytes, (off_t)(slot * PAGE)) == bytes) return true;
    report_error(&counters.disk_errors, "%s block %lu: read: %s", disk->name, slot, strerror(errno));
    return false;
}

static void verify_block(struct disk *disk, uint64_t slot, const struct block *found) {
    struct block expected;
    if (disk->holds[slot] == SLOT_FOREIGN) return;
    fill_block(&expected, slot, disk->holds[slot]);
    counters.disk_verified++;
    if (memcmp(found, &expected, PAGE) != 0)
        report_error(&counters.disk_errors, "%s block %lu: sequence %lu, expected %lu", disk->name, slot,
                     found->sequence, disk->holds[slot]);
}

// Takes over what an earlier boot left: a block is blank, a valid block of this log, or not ours.
static void learn_block(struct disk *disk, uint64_t slot, const struct block *found) {
    struct block expected;
    fill_block(&expected, slot, SLOT_BLANK);
    disk->holds[slot] = memcmp(found, &expected, PAGE) == 0 ? SLOT_BLANK : SLOT_FOREIGN;
    if (found->magic != BLOCK_MAGIC || found->seed != seed) return;
    fill_block(&expected, slot, found->sequence);
    if (found->sequence < SEQUENCE_FIRST || memcmp(found, &expected, PAGE) != 0) {
        report_error(&counters.disk_errors, "%s block %lu: damaged, sequence %lu", disk->name, slot, found->sequence);
        return;
    }
    disk->holds[slot] = found->sequence;
    if (found->sequence >= disk->next_sequence) disk->next_sequence = found->sequence + 1;
}

static void for_each_block(struct disk *disk, void (*look)(struct disk *, uint64_t, const struct block *)) {
    for (uint64_t slot = 0; slot < disk->slots; slot += READ_BLOCKS) {
        uint64_t left = disk->slots - slot, count = left < READ_BLOCKS ? left : READ_BLOCKS;
        if (!read_slots(disk, slot, count)) continue;
        for (uint64_t i = 0; i < count; i++) look(disk, slot + i, &disk->buffer[i]);
    }
}

static bool put_slot(struct disk *disk, uint64_t slot, uint64_t content) {
    if (content == SLOT_BLANK) {
        uint64_t range[2] = {slot * PAGE, PAGE};
        return ioctl(disk->fd, BLKZEROOUT, range) == 0 && fdatasync(disk->fd) == 0;
    }
    fill_block(disk->buffer, slot, content);
    return pwrite(disk->fd, disk->buffer, PAGE, (off_t)(slot * PAGE)) == PAGE && fdatasync(disk->fd) == 0;
}

static void write_next(struct disk *disk) {
    uint64_t sequence = disk->next_sequence++, slot = sequence % disk->slots, start = now_ns();
    uint64_t content = sequence % ZERO_EVERY == 0 ? SLOT_BLANK : sequence;
    bool is_written = put_slot(disk, slot, content);
    disk->holds[slot] = is_written ? content : SLOT_FOREIGN;
    if (!is_written)
        report_error(&counters.disk_errors, "%s block %lu: write: %s", disk->name, slot, strerror(errno));
    uint64_t took = now_ns() - start;
    if (took > counters.disk_write_max_ns) counters.disk_write_max_ns = took;
    counters.disk_writes++;
}

static void verify_next(struct disk *disk) {
    uint64_t slot = disk->next_check++ % disk->slots;
    if (read_slots(disk, slot, 1)) verify_block(disk, slot, disk->buffer);
}

static void verify_disk(void *disk) { for_each_block(disk, verify_block); }

static void *disk_main(void *argument) {
    struct disk *disk = argument;
    struct pacer writes = {now_ns(), 0}, checks = {now_ns(), 0};
    for (;;) {
        uint64_t rate = disk_rate;
        if (rate != RATE_UNLIMITED) sleep_ns(TICK_NS);
        for (uint64_t n = due(&writes, rate); n > 0; n--) write_next(disk);
        for (uint64_t n = due(&checks, DISK_CHECKS_PER_SECOND); n > 0; n--) verify_next(disk);
        serve(&disk->check, verify_disk, disk);
    }
    return NULL;
}

// Starts a log on /dev/NAME; whether there is one now.
static bool open_disk(const char *name) {
    if (disk_count == DISKS_MAX || strncmp(name, "vd", 2) != 0 || strlen(name) > 8) return false;
    for (int i = 0; i < disk_count; i++)
        if (strcmp(disks[i].name, name) == 0) return true;
    struct disk *disk = &disks[disk_count];
    *disk = (struct disk){.next_sequence = SEQUENCE_FIRST, .check = REQUEST_INITIALIZER};
    char path[32];
    snprintf(path, sizeof path, "/dev/%s", name);
    strcpy(disk->name, name);
    uint64_t bytes, log_bytes = option_bytes("umbra.disk", 16 << 20);
    disk->fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (disk->fd < 0 || ioctl(disk->fd, BLKGETSIZE64, &bytes) != 0 || bytes < PAGE) return false;
    disk->slots = (bytes < log_bytes ? bytes : log_bytes) / PAGE;
    disk->holds = calloc(disk->slots, sizeof *disk->holds);
    if (!disk->holds || posix_memalign((void **)&disk->buffer, PAGE, READ_BLOCKS * PAGE) != 0) die("disk log");
    for_each_block(disk, learn_block);
    say("log on %s: %lu blocks, next sequence %lu", name, disk->slots, disk->next_sequence);
    disk_count++;
    start_thread(disk_main, disk);
    return true;
}

// ---- Service --------------------------------------------------------------------------------------------------------

static int count_entries(const char *path, const char *prefix) {
    DIR *directory = opendir(path);
    int count = 0;
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    if (directory) closedir(directory);
    return count;
}

static void format_status(char *into, size_t size) {
    snprintf(into, size,
             "{\"bootId\":\"%s\",\"monotonicNs\":%lu,\"ops\":%lu,\"ramBytes\":%lu,\"ramWrites\":%lu,"
             "\"ramVerified\":%lu,\"ramErrors\":%lu,\"ramPasses\":%lu,\"diskWrites\":%lu,\"diskVerified\":%lu,"
             "\"diskErrors\":%lu,\"diskWriteMaxNs\":%lu,\"logs\":%d,\"disks\":%d,\"nics\":%d,\"firstError\":\"%s\"}\n",
             boot_id, now_ns(), counters.ram_writes + counters.disk_writes, page_count * PAGE, counters.ram_writes,
             counters.ram_verified, counters.ram_errors, counters.ram_passes, counters.disk_writes,
             counters.disk_verified, counters.disk_errors, counters.disk_write_max_ns, disk_count,
             count_entries("/sys/block", "vd"), count_entries("/sys/class/net", "eth"), has_error ? first_error : "");
}

static bool send_all(int client, const char *text) {
    for (size_t left = strlen(text); left > 0;) {
        ssize_t n = send(client, text, left, MSG_NOSIGNAL);
        if (n <= 0) return false;
        text += n;
        left -= (size_t)n;
    }
    return true;
}

static void close_client(int client) {
    close(client);
    clients--;
}

static void *stream_main(void *argument) {
    int client = (int)(intptr_t)argument;
    char line[320];
    for (uint64_t sequence = 1;; sequence++) {
        snprintf(line, sizeof line,
                 "{\"seq\":%lu,\"monotonicNs\":%lu,\"ops\":%lu,\"ramVerified\":%lu,\"ramErrors\":%lu,"
                 "\"diskVerified\":%lu,\"diskErrors\":%lu}\n",
                 sequence, now_ns(), counters.ram_writes + counters.disk_writes, counters.ram_verified,
                 counters.ram_errors, counters.disk_verified, counters.disk_errors);
        if (!send_all(client, line)) break;
        uint64_t rate = line_rate;
        sleep_ns(SECOND_NS / (rate == 0 ? 1 : rate > 1000 ? 1000 : rate));
    }
    close_client(client);
    return NULL;
}

static void verify_all(void) {
    ask_and_wait(&ram_check);
    for (int i = 0; i < disk_count; i++) ask_and_wait(&disks[i].check);
}

static bool set_rate(const char *what, const char *value) {
    uint64_t rate = parse_rate(value);
    if (strcmp(what, "ram") == 0) ram_rate = rate;
    else if (strcmp(what, "disk") == 0) disk_rate = rate;
    else if (strcmp(what, "lines") == 0) line_rate = rate;
    else return false;
    return true;
}

static void answer(int client, const char *line) {
    char reply[1024] = "ok\n", what[16], value[24];
    if (strcmp(line, "status") == 0) format_status(reply, sizeof reply);
    else if (strcmp(line, "verify") == 0) verify_all(), format_status(reply, sizeof reply);
    else if (strcmp(line, "reset") == 0) counters.disk_write_max_ns = 0;
    else if (strcmp(line, "reboot") == 0) send_all(client, reply), say("reboot"), reboot(RB_AUTOBOOT);
    else if (strcmp(line, "poweroff") == 0) send_all(client, reply), say("poweroff"), reboot(RB_POWER_OFF);
    else if (sscanf(line, "rate %15s %23s", what, value) == 2 && set_rate(what, value)) {}
    else if (sscanf(line, "log %15s", what) == 1 && open_disk(what)) {}
    else strcpy(reply, "error\n");
    send_all(client, reply);
}

static void *command_main(void *argument) {
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    int client = (int)(intptr_t)argument;
    FILE *input = fdopen(dup(client), "r");
    char line[128];
    while (input && fgets(line, sizeof line, input)) {
        line[strcspn(line, "\r\n")] = 0;
        pthread_mutex_lock(&one_at_a_time);
        answer(client, line);
        pthread_mutex_unlock(&one_at_a_time);
    }
    if (input) fclose(input);
    close_client(client);
    return NULL;
}

static int listen_on(uint16_t port) {
    int one = 1, server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(server, (struct sockaddr *)&address, sizeof address) != 0 || listen(server, 16) != 0) die("listen");
    return server;
}

static void accept_forever(int server, void *(*entry)(void *)) {
    for (;;) {
        int one = 1, client = accept4(server, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0) continue;
        setsockopt(client, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof one);
        if (++clients > CLIENTS_MAX) close_client(client);
        else start_thread(entry, (void *)(intptr_t)client);
    }
}

static void *stream_server(void *server) {
    accept_forever((int)(intptr_t)server, stream_main);
    return NULL;
}

int main(void) {
    read_text("/proc/cmdline", command_line, sizeof command_line);
    read_text("/proc/sys/kernel/random/boot_id", boot_id, sizeof boot_id);
    seed = option_bytes("umbra.seed", 1);
    ram_rate = option_rate("umbra.rate", 2000);
    disk_rate = option_rate("umbra.diskrate", 50);
    line_rate = option_rate("umbra.lines", 100);
    records_per_write = option_bytes("umbra.records", 8);
    create_region(option_bytes("umbra.ram", 64 << 20));
    hot_pages = page_count * option_bytes("umbra.hot", 8) / 100 + 1;
    if (hot_pages > page_count) hot_pages = page_count;
    start_thread(ram_main, NULL);
    if (access("/dev/vda", F_OK) == 0 && !open_disk("vda")) die("/dev/vda");
    /* First, so that who finds the stream there finds the commands there too. */
    int commands = listen_on(COMMAND_PORT);
    start_thread(stream_server, (void *)(intptr_t)listen_on(STREAM_PORT));
    say("ready");
    accept_forever(commands, command_main);
}
