/* Sends without end to whoever says anything: the server behind a relay whose speed is measured.
 *
 *     flow PORT
 *
 * It listens on 127.0.0.1. What it sends is no TLS: a relay that does not open a connection does not look, and a server
 * that encrypted would be slower than some relays. One connection at a time.
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static char piece[1 << 20], heard[1 << 16];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int door = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

    if (argc != 2)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    at.sin_port = htons(atoi(argv[1]));
    setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(door, (struct sockaddr *)&at, sizeof at) < 0 || listen(door, 64) < 0)
        return 1;
    for (;;) {
        int one = accept(door, NULL, NULL);

        if (one >= 0 && recv(one, heard, sizeof heard, 0) > 0)
            while (send(one, piece, sizeof piece, MSG_NOSIGNAL) > 0)
                ;
        close(one);
    }
}
