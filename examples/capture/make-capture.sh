#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Records traffic.pcap: real clients talk to real daemons between network
# namespaces, and tcpdump listens at the server's door.
#
#   server (namespace)         nginx, dnsmasq, sshd     10.7.0.1   fd07::1
#   east   (namespace)         curl, dig, ping, ssh     10.7.0.11-13, fd07::11-12
#   west   (namespace)         curl, dig, ping, ssh     10.7.0.21-23, fd07::21-22
#   hub    (namespace)         a bridge that joins the three
#
# Nothing leaves the namespaces. Everything made here (namespaces, processes,
# files) is taken down again at the end, also after a failure, and only what
# was started here is ended.
#
# usage (as root): make-capture.sh [OUTPUT.pcap]
# needs: nginx dnsmasq-base openssh-server openssh-client bind9-dnsutils curl
#        iputils-ping iproute2 ethtool tcpdump

set -euo pipefail
cd "$(dirname "$0")"
out=$(realpath "${1:-traffic.pcap}")
export PATH=$PATH:/usr/sbin:/sbin

for tool in ip ethtool tcpdump nginx dnsmasq sshd ssh-keygen ssh curl dig ping; do
    command -v "$tool" >/dev/null || { echo "make-capture: $tool is missing" >&2; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "make-capture: network namespaces need root" >&2; exit 2; }

tag=skepcap$$
server=$tag-server east=$tag-east west=$tag-west hub=$tag-hub
dir=$(mktemp -d /tmp/$tag.XXXXXX)
chmod 755 "$dir"
started=()
made_run_sshd=

clean() {
    set +e
    for ((i = ${#started[@]} - 1; i >= 0; i--)); do
        kill "${started[i]}" 2>/dev/null
        wait "${started[i]}" 2>/dev/null
    done
    for ns in "$server" "$east" "$west" "$hub"; do
        ip netns del "$ns" 2>/dev/null
        rm -rf "/etc/netns/$ns"
    done
    rmdir /etc/netns 2>/dev/null
    [ -n "$made_run_sshd" ] && rmdir /run/sshd 2>/dev/null
    rm -rf "$dir"
}
trap clean EXIT

in_ns() { ip netns exec "$@"; }
daemon() { # NAMESPACE COMMAND...: keeps the process id, so that clean can end it
    local ns=$1
    shift
    ip netns exec "$ns" "$@" >>"$dir/daemons.log" 2>&1 &
    started+=($!)
}

# --- the wires -------------------------------------------------------------

for ns in "$server" "$east" "$west" "$hub"; do
    ip netns add "$ns"
    in_ns "$ns" ip link set lo up
done
in_ns "$hub" ip link add bridge type bridge forward_delay 0
in_ns "$hub" ip link set bridge up

host=0
for ns in "$server" "$east" "$west"; do
    host=$((host + 1))
    ip link add eth0 netns "$ns" address "02:00:00:00:07:0$host" \
        type veth peer name "port$host" netns "$hub"
    # What a wire carries: no giant segments, and checksums filled in.
    in_ns "$ns" ethtool -K eth0 tso off gso off gro off tx off >/dev/null
    in_ns "$hub" ethtool -K "port$host" tso off gso off gro off tx off >/dev/null
    in_ns "$hub" ip link set "port$host" master bridge up
    # A name server and a search list of its own, by ip-netns's convention.
    mkdir -p "/etc/netns/$ns"
    printf 'nameserver 10.7.0.1\nnameserver fd07::1\nsearch apiary.test\n' \
        >"/etc/netns/$ns/resolv.conf"
done

address() { # NAMESPACE ADDRESS...
    local ns=$1 a
    shift
    for a in "$@"; do
        case $a in
        *:*) in_ns "$ns" ip addr add "$a/64" dev eth0 nodad ;;
        *) in_ns "$ns" ip addr add "$a/24" dev eth0 ;;
        esac
    done
}
address "$server" 10.7.0.1 fd07::1
address "$east" 10.7.0.11 10.7.0.12 10.7.0.13 fd07::11 fd07::12
address "$west" 10.7.0.21 10.7.0.22 10.7.0.23 fd07::21 fd07::22

# --- the daemons -----------------------------------------------------------

mkdir -p "$dir/www" "$dir/nginx"
printf '<!doctype html><title>apiary</title><p>Ten hives, one garden.\n' >"$dir/www/index.html"
for n in 1 2 3; do
    { echo "<!doctype html><title>hive $n</title><pre>"
      for ((i = 0; i < 12 * n; i++)); do echo "day $i: $((i * n)) frames of brood, $((i + n)) of honey"; done
      echo '</pre>'; } >"$dir/www/hive$n.html"
done
chmod -R a+rX "$dir/www"
cat >"$dir/nginx.conf" <<CONF
daemon off;
master_process off;
pid $dir/nginx/pid;
error_log $dir/nginx/error.log;
events { worker_connections 128; }
http {
    access_log off;
    client_body_temp_path $dir/nginx/body;
    proxy_temp_path $dir/nginx/proxy;
    fastcgi_temp_path $dir/nginx/fastcgi;
    uwsgi_temp_path $dir/nginx/uwsgi;
    scgi_temp_path $dir/nginx/scgi;
    types { text/html html; }
    server {
        listen 80;
        listen [::]:80;
        root $dir/www;
        location /note { return 204; }
    }
}
CONF
daemon "$server" nginx -c "$dir/nginx.conf" -e "$dir/nginx/error.log"

daemon "$server" dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= \
    --user=root --no-resolv --no-hosts --log-facility=- \
    --interface=eth0 --bind-interfaces --local=/apiary.test/ \
    --host-record=www.apiary.test,10.7.0.1,fd07::1 \
    --host-record=shell.apiary.test,10.7.0.1,fd07::1 \
    --host-record=east.apiary.test,10.7.0.11,fd07::11 \
    --host-record=west.apiary.test,10.7.0.21,fd07::21 \
    --mx-host=apiary.test,www.apiary.test,10 \
    --txt-record=apiary.test,"ten hives, one garden"

[ -d /run/sshd ] || { mkdir -m 755 /run/sshd; made_run_sshd=1; }
ssh-keygen -q -t ed25519 -N '' -C host -f "$dir/host_key"
ssh-keygen -q -t ed25519 -N '' -C visitor -f "$dir/visitor_key"
cp "$dir/visitor_key.pub" "$dir/authorized"
chmod 600 "$dir/authorized"
cat >"$dir/sshd.conf" <<CONF
Port 22
HostKey $dir/host_key
AuthorizedKeysFile $dir/authorized
PidFile $dir/sshd.pid
PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
UsePAM no
UseDNS no
PrintMotd no
CONF
daemon "$server" "$(command -v sshd)" -D -e -f "$dir/sshd.conf"

# --- the listener ----------------------------------------------------------

ip netns exec "$server" tcpdump -i eth0 -n -U -s 0 -B 16384 -Z root -w "$dir/traffic.pcap" 2>"$dir/tcpdump.log" &
listener=$!
started+=("$listener")

in_ns "$server" ip link set eth0 up
for ns in "$east" "$west"; do in_ns "$ns" ip link set eth0 up; done

for _ in $(seq 50); do
    in_ns "$east" curl -gsfo /dev/null -m 1 "http://[fd07::1]/note" &&
        in_ns "$west" dig +time=1 +tries=1 +short @10.7.0.1 www.apiary.test >/dev/null && break
    sleep 0.1
done

# --- the clients -----------------------------------------------------------
# Each function is one visitor, bound to one source address; all run at once.

web() { # NAMESPACE ADDRESS ROUNDS
    local ns=$1 from=$2 rounds=$3 family=-4 i
    case $from in *:*) family=-6 ;; esac
    for ((i = 0; i < rounds; i++)); do
        case $((i % 5)) in
        0) in_ns "$ns" curl $family -m 10 -so /dev/null --interface "$from" http://www.apiary.test/ ;;
        1) in_ns "$ns" curl $family -m 10 -so /dev/null --interface "$from" "http://www.apiary.test/hive[1-3].html" ;;
        2) in_ns "$ns" curl $family -m 10 -so /dev/null --interface "$from" -d "frames=$i" http://www.apiary.test/note ;;
        3) in_ns "$ns" curl $family -m 10 -so /dev/null --interface "$from" http://www.apiary.test/no-such-page ;;
        4) in_ns "$ns" curl $family -m 10 -so /dev/null --interface "$from" http://www.apiary.test:81/ || true ;; # closed
        esac
    done
}
names() { # NAMESPACE ADDRESS ROUNDS
    local ns=$1 from=$2 rounds=$3 at=10.7.0.1 i question
    local questions=('www.apiary.test A' 'www.apiary.test AAAA' 'apiary.test MX' 'apiary.test TXT'
        'nobody.apiary.test A' 'east.apiary.test AAAA')
    case $from in *:*) at=fd07::1 ;; esac
    for ((i = 0; i < rounds; i++)); do
        question=${questions[i % 6]}
        # shellcheck disable=SC2086 # name and type are two words
        in_ns "$ns" dig -b "$from" @$at $question >/dev/null
        if ((i % 8 == 7)); then in_ns "$ns" dig +tcp -b "$from" @$at www.apiary.test >/dev/null; fi
    done
    in_ns "$ns" dig -b "$from" @$at -x "$from" >/dev/null
}
echo_to() { # NAMESPACE ADDRESS COUNT [OPTION...]
    local ns=$1 from=$2 count=$3 to=10.7.0.1
    shift 3
    case $from in *:*) to=fd07::1 ;; esac
    in_ns "$ns" ping -q -n -i 0.02 -c "$count" -I "$from" "$@" $to >/dev/null
}
shell() { # NAMESPACE ADDRESS COMMAND
    local ns=$1 from=$2 to=10.7.0.1
    case $from in *:*) to=fd07::1 ;; esac
    in_ns "$ns" ssh -F /dev/null -b "$from" -i "$dir/visitor_key" -o IdentitiesOnly=yes -o ConnectTimeout=10 \
        -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
        root@$to "$3" >/dev/null
}
visitors=()
visit() { "$@" & visitors+=($!); }

visit web "$east" 10.7.0.11 62
visit web "$east" 10.7.0.12 9
visit web "$west" 10.7.0.21 23
visit web "$east" fd07::11 41
visit web "$west" fd07::21 7
visit names "$east" 10.7.0.12 24
visit names "$west" 10.7.0.22 96
visit names "$west" fd07::22 18
visit names "$east" fd07::11 5
visit echo_to "$east" 10.7.0.13 45
visit echo_to "$west" 10.7.0.23 12 -s 1200
visit echo_to "$west" 10.7.0.21 4 -s 3000 # three fragments each
visit echo_to "$east" fd07::12 95
visit echo_to "$west" fd07::22 6 -s 3000  # three fragments each
visit echo_to "$west" fd07::21 10
visit shell "$east" 10.7.0.13 'uname -s; seq 200'
visit shell "$west" 10.7.0.22 'for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.05; done'
visit shell "$west" fd07::21 'seq 400'
for v in "${visitors[@]}"; do wait "$v"; done
# Everyone on the link, asked at once.
in_ns "$server" ping -q -n -c 3 -i 0.2 ff02::1%eth0 >/dev/null
sleep 0.5

kill -TERM "$listener"
wait "$listener" || true
unset "started[-1]"
cat "$dir/tcpdump.log" >&2
grep -q '^0 packets dropped by kernel' "$dir/tcpdump.log" ||
    { echo "make-capture: the kernel dropped packets; try again" >&2; exit 1; }
cp "$dir/traffic.pcap" "$out"
chmod 644 "$out"
