#!/bin/sh
# Docker answers for containers and asks this for every other name: there is none, said at once. Older engines
# would let nginx wait, and the world's DNS would let strangers lead the proxy to machines of their choice.
perl -MSocket -e '
    socket(my $socket, PF_INET, SOCK_DGRAM, 0) || die $!;
    bind($socket, sockaddr_in(53, INADDR_LOOPBACK)) || die $!;
    while (defined(my $asker = recv($socket, my $message, 4096, 0))) {
        next if length($message) < 12;
        substr($message, 2, 2) = pack("n", 0x8183);  # an answer: no such name
        send($socket, $message, 0, $asker);
    }' &
