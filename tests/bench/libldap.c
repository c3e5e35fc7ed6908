/* The limit that the benchmark measures against: the least that a client can do with libldap.
 *
 * libldap URL TLS BIND_DN PASSWORD WORK MANNER IN_FLIGHT MILLISECONDS USERS
 *
 * TLS is "as-url" or "start-tls". WORK is "search-bind" (search for a user on one connection, bind
 * as the user on another), "bind" (bind with a DN made from the name), "search", or "connect" (bind
 * on a connection of its own). MANNER is "threads" (each has its own connections and goes on to the
 * next request when the last is answered) or "pipelined" (one thread; all searches share one
 * connection, each request in flight has one for its binds).
 *
 * Connections that are kept are open before the time starts. Prints p50 and p99 in microseconds, the
 * requests a second, the processor time of each request in microseconds, and the resident memory of its
 * own, without what is mapped from files, in KiB. */

#include <ldap.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *url, *service, *password;
static int searches, binds, connects, start_tls, users;
static double lasting;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static void check(int code, const char *what)
{
    if (code != LDAP_SUCCESS) {
        fprintf(stderr, "%s: %s\n", what, ldap_err2string(code));
        exit(1);
    }
}

static struct berval credentials(const char *text)
{
    return (struct berval) { strlen(text), (char *)text };
}

static LDAP *open_connection(void)
{
    LDAP *connection;
    int version = LDAP_VERSION3;
    check(ldap_initialize(&connection, url), "initialize");
    check(ldap_set_option(connection, LDAP_OPT_PROTOCOL_VERSION, &version), "version");
    if (start_tls)
        check(ldap_start_tls_s(connection, NULL, NULL), "StartTLS");
    return connection;
}

static void bind_as(LDAP *connection, const char *dn, const char *secret)
{
    struct berval credential = credentials(secret);
    check(ldap_sasl_bind_s(connection, dn, LDAP_SASL_SIMPLE, &credential, NULL, NULL, NULL), dn);
}

static LDAP *open_for_searches(void)
{
    LDAP *connection = open_connection();
    bind_as(connection, service, password);
    return connection;
}

/* So that the first request of a pipelining client need not wait for the connection. */
static LDAP *open_for_binds(void)
{
    LDAP *connection = open_connection();
    bind_as(connection, "uid=user00001,ou=people,dc=example,dc=com", "secret");
    return connection;
}

struct latencies {
    double *all;
    size_t count, room;
};

static void add(struct latencies *latencies, double latency)
{
    if (latencies->count == latencies->room) {
        latencies->room = 2 * latencies->room + 1024;
        latencies->all = realloc(latencies->all, latencies->room * sizeof *latencies->all);
    }
    latencies->all[latencies->count++] = latency;
}

static void name_user(char dn[128], int user)
{
    snprintf(dn, 128, "uid=user%05d,ou=people,dc=example,dc=com", user);
}

static int send_search(LDAP *connection, int user)
{
    char filter[64], *no_attributes[] = { LDAP_NO_ATTRS, NULL };
    int id;
    snprintf(filter, sizeof filter, "(uid=user%05d)", user);
    check(ldap_search_ext(connection, "dc=example,dc=com", LDAP_SCOPE_SUBTREE, filter,
              no_attributes, 0, NULL, NULL, NULL, 2, &id), "search");
    return id;
}

/* Takes the answer to a search, which must be one entry. */
static void read_found(LDAP *connection, LDAPMessage *found, char dn[128])
{
    if (ldap_count_entries(connection, found) != 1)
        check(LDAP_NO_SUCH_OBJECT, "search");
    char *name = ldap_get_dn(connection, ldap_first_entry(connection, found));
    snprintf(dn, 128, "%s", name);
    ldap_memfree(name);
    ldap_msgfree(found);
}

static void read_bound(LDAP *connection, LDAPMessage *answer)
{
    int code;
    check(ldap_parse_result(connection, answer, &code, NULL, NULL, NULL, NULL, 1), "result");
    check(code, "bind");
}

struct thread {
    pthread_t id;
    int number;
    LDAP *searching, *binding;
    struct latencies latencies;
    double end;
};

static void *run_thread(void *argument)
{
    struct thread *thread = argument;
    double started;
    for (int i = 0; (started = now()) < thread->end; i++) {
        char dn[128];
        int user = 1 + (thread->number * 7919 + i) % users;
        name_user(dn, user);
        if (searches) {
            LDAPMessage *found;
            int id = send_search(thread->searching, user);
            if (ldap_result(thread->searching, id, LDAP_MSG_ALL, NULL, &found) <= 0)
                check(LDAP_SERVER_DOWN, "search");
            read_found(thread->searching, found, dn);
        }
        if (connects)
            thread->binding = open_connection();
        if (binds)
            bind_as(thread->binding, dn, "secret");
        add(&thread->latencies, now() - started);
        if (connects)
            ldap_unbind_ext_s(thread->binding, NULL, NULL);
    }
    return NULL;
}

/* A request in flight of the pipelining client. */
struct request {
    LDAP *binding;
    int user, id, is_bind;
    double started;
};

static void send_bind(struct request *request, const char *dn)
{
    struct berval credential = credentials("secret");
    request->is_bind = 1;
    check(ldap_sasl_bind(request->binding, dn, LDAP_SASL_SIMPLE, &credential, NULL, NULL,
              &request->id), "bind");
}

static void send_request(LDAP *searching, struct request *request, int user)
{
    request->user = user;
    request->started = now();
    request->is_bind = 0;
    if (searches) {
        request->id = send_search(searching, user);
    } else {
        char dn[128];
        name_user(dn, user);
        send_bind(request, dn);
    }
}

static struct request *find(struct request *all, int count, int id)
{
    for (int i = 0; i < count; i++)
        if (!all[i].is_bind && all[i].id == id)
            return &all[i];
    check(LDAP_PROTOCOL_ERROR, "search");
    return NULL;
}

static struct pollfd wait_for(LDAP *connection)
{
    struct pollfd descriptor = { .fd = -1, .events = POLLIN };
    if (connection)
        check(ldap_get_option(connection, LDAP_OPT_DESC, &descriptor.fd), "descriptor");
    return descriptor;
}

static void run_pipelined(LDAP *searching, struct request *all, int count, double end,
    struct latencies *latencies)
{
    struct timeval at_once = { 0, 0 };
    struct pollfd descriptors[count + 1];
    for (int i = 0; i < count; i++)
        descriptors[i] = wait_for(all[i].binding);
    descriptors[count] = wait_for(searching);
    int next = 0, open = count;
    for (int i = 0; i < count; i++)
        send_request(searching, &all[i], 1 + next++ % users);
    while (open > 0) {
        poll(descriptors, count + 1, -1);
        for (int i = 0; i <= count; i++) {
            LDAPMessage *answer;
            LDAP *connection = i < count ? all[i].binding : searching;
            if (!descriptors[i].revents)
                continue;
            while (ldap_result(connection, LDAP_RES_ANY, LDAP_MSG_ALL, &at_once, &answer) > 0) {
                struct request *request;
                if (i < count) {
                    request = &all[i];
                    read_bound(connection, answer);
                } else {
                    char dn[128];
                    request = find(all, count, ldap_msgid(answer));
                    read_found(connection, answer, dn);
                    if (binds) {
                        send_bind(request, dn);
                        continue;
                    }
                }
                double answered = now();
                add(latencies, answered - request->started);
                if (answered < end)
                    send_request(searching, request, 1 + next++ % users);
                else
                    request->id = -1, request->is_bind = 1, open--;
            }
        }
    }
}

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double processor(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static long memory(void)
{
    char line[256];
    long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        sscanf(line, "RssAnon: %ld", &kib);
    return kib;
}

int main(int count, char **arguments)
{
    if (count != 10)
        return 64;
    url = arguments[1], service = arguments[3], password = arguments[4];
    start_tls = strcmp(arguments[2], "start-tls") == 0;
    const char *work = arguments[5];
    connects = strcmp(work, "connect") == 0;
    searches = strncmp(work, "search", 6) == 0;
    binds = strcmp(work, "search") != 0;
    int pipelined = strcmp(arguments[6], "pipelined") == 0;
    int in_flight = atoi(arguments[7]);
    lasting = atof(arguments[8]) * 1e3;
    users = atoi(arguments[9]);

    struct latencies latencies = { 0 };
    double started, before;
    if (pipelined) {
        struct request *all = calloc(in_flight, sizeof *all);
        LDAP *searching = searches ? open_for_searches() : NULL;
        for (int i = 0; i < in_flight; i++)
            all[i].binding = binds ? open_for_binds() : NULL;
        before = processor(), started = now();
        run_pipelined(searching, all, in_flight, started + lasting, &latencies);
    } else {
        struct thread *all = calloc(in_flight, sizeof *all);
        for (int i = 0; i < in_flight; i++) {
            all[i].number = i;
            all[i].searching = searches ? open_for_searches() : NULL;
            all[i].binding = binds && !connects ? open_for_binds() : NULL;
        }
        before = processor(), started = now();
        for (int i = 0; i < in_flight; i++) {
            all[i].end = started + lasting;
            pthread_create(&all[i].id, NULL, run_thread, &all[i]);
        }
        for (int i = 0; i < in_flight; i++) {
            pthread_join(all[i].id, NULL);
            for (size_t k = 0; k < all[i].latencies.count; k++)
                add(&latencies, all[i].latencies.all[k]);
        }
    }
    double elapsed = now() - started, used = processor() - before;
    size_t total = latencies.count;
    qsort(latencies.all, total, sizeof *latencies.all, ascending);
    printf("%f %f %f %f %ld\n", latencies.all[total / 2], latencies.all[total * 99 / 100],
        total / elapsed * 1e6, used / total, memory());
    return 0;
}
