/* Asks through a proxy, from PROCESSES processes that each wait for their answer: a count a second, and how long it took.
 *
 *     load MODE PROXY HOST PORT PATH PROCESSES SECONDS COUNT STATUS FROM
 *
 * PROXY is its port on 127.0.0.1, or 0 to ask 127.0.0.1:PORT itself. HOST may hold %d, for which each new connection has
 * a number of its own, from FROM on. PATH may hold %d too, for which each request has another number below 2048, and no
 * two processes the same. Ends after SECONDS, or after COUNT requests where that is not 0. MODE is
 *   plain   requests on a connection that stays, without TLS
 *   tls     requests on a connection that stays, in a tunnel with TLS
 *   new     a new tunnel with TLS for each request
 *   flow    one tunnel in which a ClientHello is sent, and all that comes for it is thrown away unread: see flow.c
 *   hold    PROCESSES tunnels with TLS, one request in each, of a hundred clients' addresses at most; says "held" and
 *           keeps them until its input ends
 * An answer with another status than STATUS is a failure, and so is one that breaks off. A server or proxy that ends a connection
 * between two answers has not failed: the request is asked again on a new one, and the closing counted. Certificates are
 * not looked at. Prints "COUNT BYTES SECONDS P50 P95 FAILED CLOSED", times in microseconds.
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
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMES 200000 /* of one process that are kept */
#define PATIENCE 20  /* seconds for one read */

#define PAGES 2048 /* that a path with a number stands for */
#define OF_ONE_CLIENT 100 /* connections; one client's are limited */

enum { FAILED = -1, CLOSED = -2 };

struct tally { uint64_t count, bytes, failed, closed; uint32_t times[TIMES]; };
struct connection { int socket, last; SSL *tls; }; /* last: no request may follow */

static const char *host, *path, *status;
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

/* Whether the head that ends at END has a LINE, in small letters, whose value holds WORD. */
static const char *line_of(const char *head, const char *end, const char *line)
{
    const char *found = strcasestr(head, line);

    return found && found < end ? found + strlen(line) : NULL;
}

static int says(const char *head, const char *end, const char *line, const char *word)
{
    const char *at = line_of(head, end, line), *stop = at ? strstr(at, "\r\n") : NULL;
    const char *found = stop ? strcasestr(at, word) : NULL;

    return found && found < stop;
}

/* Reads on to the last chunk of a body of which ROOM has the first HAVE bytes; how many bytes came besides, or FAILED. */
static long chunks(struct connection *one, char *room, int size, int have)
{
    long came = 0;
    int got;

    while (have < 5 || memcmp(room + have - 5, "0\r\n\r\n", 5)) {
        memmove(room, room + (have > 5 ? have - 5 : 0), have > 5 ? 5 : have);
        have = have > 5 ? 5 : have;
        if ((got = receive(one, room + have, size - have)) <= 0)
            return FAILED;
        have += got;
        came += got;
    }
    return came;
}

/* The bytes of a whole answer's body; FAILED, or CLOSED where nothing came at all. Read up to its length, its last chunk,
 * or the end of the connection. That of a CONNECT has no body. */
static long answer(struct connection *one, int of_connect)
{
    static char room[1 << 18];
    int have = 0, got;
    char *end;
    const char *field;
    long length, came, more;

    do {
        if (have == sizeof room - 1 || (got = receive(one, room + have, sizeof room - 1 - have)) <= 0)
            return have ? FAILED : CLOSED;
        have += got;
        room[have] = 0;
    } while (!(end = strstr(room, "\r\n\r\n")));
    if (strncmp(room + 9, of_connect ? "200" : status, 3))
        return FAILED;
    came = have - (end + 4 - room);
    if (of_connect)
        return came;
    one->last = says(room, end, "\r\nconnection:", "close") || says(room, end, "\r\nproxy-connection:", "close");
    if ((field = line_of(room, end, "\r\ncontent-length:"))) {
        for (length = atol(field); came < length; came += got)
            if ((got = receive(one, room, sizeof room)) <= 0)
                return FAILED;
        return came;
    }
    if (says(room, end, "\r\ntransfer-encoding:", "chunked")) {
        memmove(room, end + 4, came);
        more = chunks(one, room, sizeof room, came);
        return more < 0 ? more : came + more;
    }
    while ((got = receive(one, room, sizeof room)) > 0)
        came += got;
    one->last = 1;
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

/* A connection, and a tunnel if WITH_TLS, from the client's address 127.0.0.CLIENT. */
static int reach(struct connection *one, int number, int with_tls, int client)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(proxy ? proxy : port)};
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct timeval patience = {.tv_sec = PATIENCE};
    char name[300], text[800];
    int yes = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(name, sizeof name, host, number);
    from.sin_addr.s_addr = htonl((INADDR_LOOPBACK & ~0xff) + client);
    one->tls = NULL;
    one->last = 0;
    one->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (client > 1 && bind(one->socket, (struct sockaddr *)&from, sizeof from) < 0)
        return 0;
    setsockopt(one->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(one->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(one->socket, (struct sockaddr *)&to, sizeof to) < 0)
        return 0;
    if (!with_tls || !proxy)
        return 1;
    snprintf(text, sizeof text, "CONNECT %s:%d HTTP/1.1\r\nHost: %s:%d\r\n\r\n", name, port, name, port);
    return send_all(one, text, strlen(text)) && answer(one, 1) >= 0;
}

static int join(struct connection *one, int number, int with_tls, int client)
{
    char name[300];

    if (!reach(one, number, with_tls, client))
        return 0;
    if (!with_tls)
        return 1;
    snprintf(name, sizeof name, host, number);
    one->tls = SSL_new(context);
    SSL_set_fd(one->tls, one->socket);
    SSL_set_tlsext_host_name(one->tls, name);
    return SSL_connect(one->tls) == 1;
}

static long ask(struct connection *one, int number, int page)
{
    char name[300], where[300], text[900], before[400] = "";

    snprintf(where, sizeof where, path, page);
    snprintf(name, sizeof name, host, number);
    if (!one->tls && proxy)
        snprintf(before, sizeof before, "http://%s:%d", name, port);
    snprintf(text, sizeof text,
             "GET %s%s HTTP/1.1\r\nHost: %s:%d\r\nAccept: text/html\r\nUser-Agent: bench\r\n\r\n", before, where, name, port);
    return send_all(one, text, strlen(text)) ? answer(one, 0) : -1;
}

static void work(struct tally *mine, const char *mode, double until, uint64_t count, int number, int step)
{
    struct connection one = {.socket = -1};
    int with_tls = strcmp(mode, "plain") != 0, anew = !strcmp(mode, "new");
    int page = number % step;
    double began;
    long came;

    for (began = now(); began < until && (!count || mine->count + mine->failed < count); began = now()) {
        int kept = one.socket >= 0;

        came = kept || join(&one, number, with_tls, 1) ? ask(&one, number, page) : FAILED;
        if (kept && came == CLOSED) {
            mine->closed++;
            shut(&one);
            continue;
        }
        if (came < 0)
            mine->failed++;
        else {
            mine->times[mine->count++ % TIMES] = (now() - began) * 1e6;
            mine->bytes += came;
        }
        if (one.last && !anew)
            mine->closed++;
        if (anew || came < 0 || one.last)
            shut(&one);
        number += anew ? step : 0;
        page = page + step < PAGES ? page + step : number % step;
    }
    shut(&one);
}

/* All that comes through a tunnel after a ClientHello, thrown away in the kernel (tcp(7), MSG_TRUNC). */
static int flow(double seconds)
{
    struct connection one = {.socket = -1};
    BIO *out = BIO_new(BIO_s_mem());
    char hello[4096];
    double began, lasted;
    uint64_t bytes = 0;
    long got = 0;
    SSL *tls;
    int size;

    if (!reach(&one, 0, 1, 1))
        return 1;
    tls = SSL_new(context);
    SSL_set_bio(tls, BIO_new(BIO_s_mem()), out);
    SSL_set_tlsext_host_name(tls, host);
    SSL_connect(tls);
    size = BIO_read(out, hello, sizeof hello);
    send_all(&one, hello, size);
    for (began = now(); now() - began < seconds; bytes += got)
        if ((got = recv(one.socket, NULL, 1 << 22, MSG_TRUNC)) <= 0)
            break;
    lasted = now() - began;
    printf("%d %lu %.3f 0 0 %d 0\n", bytes > 0, bytes, lasted, got <= 0);
    return 0;
}

static int hold(int count)
{
    struct connection *all = calloc(count, sizeof *all);
    int failed = 0;

    for (int n = 0; n < count; n++)
        failed += !join(&all[n], n, 1, 2 + n / OF_ONE_CLIENT) || ask(&all[n], n, 0) < 0;
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
    uint64_t count = 0, bytes = 0, failed = 0, closed = 0, kept = 0, most;
    struct tally *all;
    uint32_t *times;
    double began = now(), seconds;

    if (argc != 11)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    proxy = atoi(argv[2]), host = argv[3], port = atoi(argv[4]), path = argv[5], processes = atoi(argv[6]);
    seconds = atof(argv[7]), most = atol(argv[8]), status = argv[9];
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (!strcmp(argv[1], "hold"))
        return hold(processes);
    if (!strcmp(argv[1], "flow"))
        return flow(seconds);
    all = mmap(NULL, processes * sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (most && most < (uint64_t)processes)
        processes = most; /* a share of none would have no end */
    for (int n = 0; n < processes; n++)
        if (!fork()) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            work(&all[n], argv[1], began + seconds, (most + processes - 1 - n) / processes, atoi(argv[10]) + n, processes);
            _exit(0);
        }
    while (wait(NULL) > 0)
        ;
    times = calloc(processes, sizeof all->times);
    for (int n = 0; n < processes; n++) {
        uint64_t here = all[n].count < TIMES ? all[n].count : TIMES;

        memcpy(times + kept, all[n].times, here * sizeof *times);
        kept += here, count += all[n].count, bytes += all[n].bytes, failed += all[n].failed, closed += all[n].closed;
    }
    qsort(times, kept, sizeof *times, rising);
    printf("%lu %lu %.3f %u %u %lu %lu\n", count, bytes, now() - began, kept ? times[kept / 2] : 0,
           kept ? times[kept * 95 / 100] : 0, failed, closed);
    return 0;
}
