/* Asks from many addresses at a steady rate, and writes down what came back for each question.
 *
 *     asker PORT RATE COUNT QUESTIONS RECORDS
 *
 * QUESTIONS has lines "CLIENT NAME"; client number n asks from 127.1.(n / 250).(n % 250 + 1). COUNT questions are sent,
 * the file from its beginning again at its end: RATE a second, each when it is due whatever came back, or with RATE 0
 * one at a time, the next after the answer. RECORDS gets a struct record for each. What it prints are its own delays:
 * how often a turn of its loop took longer than a millisecond, and the longest in microseconds.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS 1024
#define LONGEST 300
#define PATIENCE 1000000000u /* ns that the last answers are waited for */

struct question { int client, length; unsigned char packet[LONGEST]; };
struct record { uint64_t sent, took; uint32_t address, code; }; /* ns, ns or 0 for none, in host order, rcode */

static int sockets[CLIENTS];
static uint16_t numbers[CLIENTS];
static uint32_t *asked[CLIENTS]; /* which record each number of a client's stands for, plus one */

static uint64_t now(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000ull + at.tv_nsec;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void open_client(int client, int port, int poll)
{
    struct sockaddr_in own = {.sin_family = AF_INET}, server = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = client};
    int room = 4 << 20;

    if (sockets[client])
        return;
    own.sin_addr.s_addr = htonl(0x7f010000 | (client / 250) << 8 | (client % 250 + 1));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockets[client] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    setsockopt(sockets[client], SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    asked[client] = calloc(65536, sizeof **asked);
    if (bind(sockets[client], (struct sockaddr *)&own, sizeof own) < 0 ||
        connect(sockets[client], (struct sockaddr *)&server, sizeof server) < 0 ||
        epoll_ctl(poll, EPOLL_CTL_ADD, sockets[client], &event) < 0)
        fail("client");
}

/* A question for the type A, with recursion desired. */
static void write_question(struct question *question, const char *name)
{
    unsigned char *place = question->packet + 12;

    memcpy(question->packet, "\0\0\1\0\0\1\0\0\0\0\0\0", 12);
    while (*name) {
        size_t label = strcspn(name, ".");
        *place++ = label;
        memcpy(place, name, label);
        place += label;
        name += label + (name[label] == '.');
    }
    memcpy(place, "\0\0\1\0\1", 5);
    question->length = place + 5 - question->packet;
}

static struct question *read_questions(const char *path, int port, int poll, size_t *count)
{
    FILE *file = fopen(path, "r");
    struct question *all = NULL;
    char name[256];
    int client;

    if (!file)
        fail(path);
    for (*count = 0; fscanf(file, "%d %255s", &client, name) == 2; ++*count) {
        if (!(*count & (*count - 1)))
            all = realloc(all, (*count ? *count * 2 : 1) * sizeof *all);
        all[*count].client = client % CLIENTS;
        write_question(&all[*count], name);
        open_client(client % CLIENTS, port, poll);
    }
    fclose(file);
    return all;
}

/* The address at the end of an answer, behind its alias if it has one, or 0. */
static uint32_t address(const unsigned char *packet, ssize_t size, int question)
{
    uint32_t found;

    if (size < question + 16 || !packet[7])
        return 0;
    memcpy(&found, packet + size - 4, 4);
    return ntohl(found);
}

/* Take what has come for one client; returns how many questions it answered. */
static size_t take(int client, const struct question *questions, size_t lines, struct record *records)
{
    unsigned char packet[4096];
    size_t answered = 0;
    ssize_t size;

    while ((size = recv(sockets[client], packet, sizeof packet, 0)) >= 0) {
        uint32_t *which = &asked[client][packet[0] << 8 | packet[1]];
        if (size < 12 || !*which)
            continue;
        struct record *record = &records[*which - 1];
        record->took = now() - record->sent;
        record->code = packet[3] & 0x0f;
        record->address = address(packet, size, questions[(*which - 1) % lines].length);
        *which = 0;
        ++answered;
    }
    return answered;
}

static void ask(struct question *question, size_t number, struct record *record)
{
    uint16_t own = ++numbers[question->client];

    question->packet[0] = own >> 8;
    question->packet[1] = own;
    asked[question->client][own] = number + 1;
    record->sent = now();
    if (send(sockets[question->client], question->packet, question->length, 0) < 0 && errno != ECONNREFUSED)
        fail("send");
}

int main(int count, char **arguments)
{
    int poll = epoll_create1(0);
    struct epoll_event events[64];
    struct rlimit files;
    size_t lines, sent = 0, answered = 0, delays = 0;
    uint64_t longest = 0, turn, last;

    if (count != 6)
        return 2;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    struct question *questions = read_questions(arguments[4], atoi(arguments[1]), poll, &lines);
    size_t total = strtoull(arguments[3], NULL, 10);
    double rate = atof(arguments[2]);
    struct record *records = calloc(total, sizeof *records);
    if (!records || !lines)
        fail("records");
    memset(records, 1, total * sizeof *records); /* so that no page is missing later */
    memset(records, 0, total * sizeof *records);

    uint64_t start = last = now();
    while (sent < total || (answered < total && now() - records[total - 1].sent < PATIENCE)) {
        turn = now();
        if (turn - last > 1000000)
            ++delays;
        if (turn - last > longest)
            longest = turn - last;
        last = turn;
        size_t due = rate > 0 ? (turn - start) / 1e9 * rate : answered + 1;
        if (rate == 0 && sent > answered && turn - records[sent - 1].sent > PATIENCE)
            ++answered; /* it is lost; on with the next */
        for (; sent < total && sent < due; ++sent)
            ask(&questions[sent % lines], sent, &records[sent]);
        int ready = epoll_wait(poll, events, 64, 0);
        for (int place = 0; place < ready; ++place)
            answered += take(events[place].data.u32, questions, lines, records);
    }
    FILE *file = fopen(arguments[5], "w");
    if (!file || fwrite(records, sizeof *records, total, file) != total || fclose(file))
        fail(arguments[5]);
    printf("%zu %.0f\n", delays, longest / 1e3);
    return 0;
}
