/* The upstream of every server: any name has the address 192.0.2.1 for an hour, and nothing else. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const unsigned char ADDRESS[16] = {0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4, 192, 0, 2, 1};

/* Where the question ends, or 0 for what is none. */
static size_t question_end(const unsigned char *packet, size_t size)
{
    size_t place = 12;

    while (place < size && packet[place])
        place += packet[place] + 1;
    return place + 5 <= size ? place + 5 : 0;
}

int main(int count, char **arguments)
{
    unsigned char packet[4096 + sizeof ADDRESS];
    struct sockaddr_in own = {.sin_family = AF_INET}, peer;
    int descriptor = socket(AF_INET, SOCK_DGRAM, 0), room = 8 << 20;

    if (count != 2)
        return 2;
    own.sin_port = htons(atoi(arguments[1]));
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&own, sizeof own) < 0) {
        perror("upstream");
        return 1;
    }
    for (;;) {
        socklen_t length = sizeof peer;
        ssize_t received = recvfrom(descriptor, packet, 4096, 0, (struct sockaddr *)&peer, &length);
        size_t end = received > 12 ? question_end(packet, received) : 0;
        if (!end)
            continue;
        packet[2] = 0x80 | (packet[2] & 0x01);
        packet[3] = 0x80;
        memset(packet + 6, 0, 6); /* the question's OPT is left out with the counts */
        if (packet[end - 4] == 0 && packet[end - 3] == 1) {
            packet[7] = 1;
            memcpy(packet + end, ADDRESS, sizeof ADDRESS);
            end += sizeof ADDRESS;
        }
        sendto(descriptor, packet, end, 0, (struct sockaddr *)&peer, length);
    }
}
