/* The floor under any answer: receive a question, turn it into an answer with one address, send it back. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const unsigned char ADDRESS[16] = {0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1};

int main(int count, char **arguments)
{
    unsigned char packet[4096 + sizeof ADDRESS];
    struct sockaddr_in own = {.sin_family = AF_INET}, peer;
    int descriptor = socket(AF_INET, SOCK_DGRAM, 0);

    if (count != 2)
        return 2;
    own.sin_port = htons(atoi(arguments[1]));
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&own, sizeof own) < 0) {
        perror("udp_loop");
        return 1;
    }
    printf("%s\n", arguments[1]);
    fflush(stdout);
    for (;;) {
        socklen_t length = sizeof peer;
        ssize_t size = recvfrom(descriptor, packet, 4096, 0, (struct sockaddr *)&peer, &length);
        if (size < 12)
            continue;
        packet[2] |= 0x80; /* a response */
        packet[3] = 0x80;  /* recursion available */
        packet[7] = 1;     /* one answer */
        memcpy(packet + size, ADDRESS, sizeof ADDRESS);
        sendto(descriptor, packet, size + sizeof ADDRESS, 0, (struct sockaddr *)&peer, length);
    }
}
