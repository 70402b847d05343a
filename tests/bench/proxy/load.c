/* Asks through a proxy, from PROCESSES processes that each wait for their answer: a count a second, and how long it took.
 *
 *     load MODE PROXY HOST PORT PATH PROCESSES SECONDS
 *
 * PROXY is its port on 127.0.0.1, or 0 to ask 127.0.0.1:PORT itself. HOST may hold %d, for which each new connection has
 * a number of its own. MODE is
 *   plain   requests on a connection that stays, without TLS
 *   tls     requests on a connection that stays, in a tunnel with TLS
 *   new     a new tunnel with TLS for each request
 *   hold    PROCESSES tunnels with TLS, one request in each; says "held" and keeps them until its input ends
 * Certificates are not looked at. Prints "COUNT BYTES SECONDS P50 P95 FAILED", times in microseconds.
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMES 200000 /* of one process that are kept */
#define PATIENCE 20  /* seconds for one read */

struct tally { uint64_t count, bytes, failed; uint32_t times[TIMES]; };
struct connection { int socket; SSL *tls; };

static const char *host, *path;
static int proxy, port;
static SSL_CTX *context;

static double now(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static int send_all(struct connection *one, const char *text, int length)
{
    return (one->tls ? SSL_write(one->tls, text, length) : send(one->socket, text, length, MSG_NOSIGNAL)) == length;
}

static int receive(struct connection *one, char *room, int size)
{
    return one->tls ? SSL_read(one->tls, room, size) : recv(one->socket, room, size, 0);
}

/* The bytes of a whole answer, or -1: read up to its length, which every server and proxy here tells, or its last chunk. */
static long answer(struct connection *one, int headless)
{
    static char room[1 << 18];
    int have = 0, got;
    char *end, *field;
    long length, came;

    do {
        if (have == sizeof room - 1 || (got = receive(one, room + have, sizeof room - 1 - have)) <= 0)
            return -1;
        have += got;
        room[have] = 0;
    } while (!(end = strstr(room, "\r\n\r\n")));
    if (strncmp(room + 9, "200", 3))
        return -1;
    came = have - (end + 4 - room);
    if (headless)
        return came;
    field = strcasestr(room, "content-length:");
    if (field && field < end) {
        for (length = atol(field + 15); came < length; came += got)
            if ((got = receive(one, room, sizeof room)) <= 0)
                return -1;
        return came;
    }
    while (have < 5 || memcmp(room + have - 5, "0\r\n\r\n", 5)) {
        memmove(room, room + (have > 5 ? have - 5 : 0), have > 5 ? 5 : have);
        have = have > 5 ? 5 : have;
        if ((got = receive(one, room + have, sizeof room - have)) <= 0)
            return -1;
        have += got;
        came += got;
    }
    return came;
}

static void shut(struct connection *one)
{
    if (one->tls)
        SSL_free(one->tls);
    one->tls = NULL;
    if (one->socket >= 0)
        close(one->socket);
    one->socket = -1;
}

static int join(struct connection *one, int number, int with_tls)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(proxy ? proxy : port)};
    struct timeval patience = {.tv_sec = PATIENCE};
    char name[300], text[800];
    int yes = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(name, sizeof name, host, number);
    one->tls = NULL;
    one->socket = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(one->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(one->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(one->socket, (struct sockaddr *)&to, sizeof to) < 0)
        return 0;
    if (!with_tls)
        return 1;
    if (proxy) {
        snprintf(text, sizeof text, "CONNECT %s:%d HTTP/1.1\r\nHost: %s:%d\r\n\r\n", name, port, name, port);
        if (!send_all(one, text, strlen(text)) || answer(one, 1) < 0)
            return 0;
    }
    one->tls = SSL_new(context);
    SSL_set_fd(one->tls, one->socket);
    SSL_set_tlsext_host_name(one->tls, name);
    return SSL_connect(one->tls) == 1;
}

static long ask(struct connection *one, int number)
{
    char name[300], text[900], before[400] = "";

    snprintf(name, sizeof name, host, number);
    if (!one->tls && proxy)
        snprintf(before, sizeof before, "http://%s:%d", name, port);
    snprintf(text, sizeof text,
             "GET %s%s HTTP/1.1\r\nHost: %s:%d\r\nAccept: text/html\r\nUser-Agent: bench\r\n\r\n", before, path, name, port);
    return send_all(one, text, strlen(text)) ? answer(one, 0) : -1;
}

static void work(struct tally *mine, const char *mode, double until, int number, int step)
{
    struct connection one = {.socket = -1};
    int with_tls = strcmp(mode, "plain") != 0, anew = !strcmp(mode, "new");
    double began;
    long came;

    for (began = now(); began < until; began = now(), number += anew ? step : 0) {
        came = one.socket >= 0 || join(&one, number, with_tls) ? ask(&one, number) : -1;
        if (came < 0)
            mine->failed++;
        else {
            mine->times[mine->count++ % TIMES] = (now() - began) * 1e6;
            mine->bytes += came;
        }
        if (anew || came < 0)
            shut(&one);
    }
    shut(&one);
}

static int hold(int count)
{
    struct connection *all = calloc(count, sizeof *all);
    int failed = 0;

    for (int n = 0; n < count; n++)
        failed += !join(&all[n], n, 1) || ask(&all[n], n) < 0;
    printf("held %d\n", count - failed);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}

static int rising(const void *a, const void *b)
{
    return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : *(const uint32_t *)a > *(const uint32_t *)b;
}

int main(int argc, char **argv)
{
    int processes;
    uint64_t count = 0, bytes = 0, failed = 0, kept = 0;
    struct tally *all;
    uint32_t *times;
    double began = now();

    if (argc != 8)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    proxy = atoi(argv[2]), host = argv[3], port = atoi(argv[4]), path = argv[5], processes = atoi(argv[6]);
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (!strcmp(argv[1], "hold"))
        return hold(processes);
    all = mmap(NULL, processes * sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int n = 0; n < processes; n++)
        if (!fork()) {
            work(&all[n], argv[1], began + atof(argv[7]), n, processes);
            _exit(0);
        }
    while (wait(NULL) > 0)
        ;
    times = calloc(processes, sizeof all->times);
    for (int n = 0; n < processes; n++) {
        uint64_t here = all[n].count < TIMES ? all[n].count : TIMES;

        memcpy(times + kept, all[n].times, here * sizeof *times);
        kept += here, count += all[n].count, bytes += all[n].bytes, failed += all[n].failed;
    }
    qsort(times, kept, sizeof *times, rising);
    printf("%lu %lu %.3f %u %u %lu\n", count, bytes, now() - began, kept ? times[kept / 2] : 0,
           kept ? times[kept * 95 / 100] : 0, failed);
    return 0;
}
