/* The limit that the benchmark measures against: the least that a client can do with libldap.
 *
 * libldap URL BIND_DN PASSWORD WORK THREADS REQUESTS USERS
 *
 * WORK is "search-bind" (search for a user on one connection, bind as the user on another), "bind"
 * (bind with a DN made from the name) or "search". Each thread has its own connections and goes on
 * to the next request when the last is answered. Prints p50 and p99 in microseconds, the requests a
 * second of all threads, and the processor time of each request in microseconds. */

#define LDAP_DEPRECATED 1
#include <ldap.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const char *url, *service, *password, *work;
static int users, requests;

struct thread {
    pthread_t id;
    int number;
    double *latencies;
};

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

static LDAP *open_connection(void)
{
    LDAP *connection;
    int version = LDAP_VERSION3;
    check(ldap_initialize(&connection, url), "initialize");
    check(ldap_set_option(connection, LDAP_OPT_PROTOCOL_VERSION, &version), "version");
    return connection;
}

static void *run(void *argument)
{
    struct thread *thread = argument;
    char *no_attributes[] = { LDAP_NO_ATTRS, NULL };
    LDAP *searching = NULL, *binding = NULL;
    if (strcmp(work, "bind") != 0) {
        searching = open_connection();
        check(ldap_simple_bind_s(searching, service, password), "bind as the service");
    }
    if (strcmp(work, "search") != 0)
        binding = open_connection();
    for (int i = 0; i < requests; i++) {
        char filter[64], dn[128];
        int user = 1 + (thread->number * 7919 + i) % users;
        double started = now();
        snprintf(dn, sizeof dn, "uid=user%05d,ou=people,dc=example,dc=com", user);
        if (searching) {
            LDAPMessage *found;
            snprintf(filter, sizeof filter, "(uid=user%05d)", user);
            check(ldap_search_ext_s(searching, "dc=example,dc=com", LDAP_SCOPE_SUBTREE, filter,
                      no_attributes, 0, NULL, NULL, NULL, 2, &found), "search");
            char *name = ldap_get_dn(searching, ldap_first_entry(searching, found));
            snprintf(dn, sizeof dn, "%s", name);
            ldap_memfree(name);
            ldap_msgfree(found);
        }
        if (binding)
            check(ldap_simple_bind_s(binding, dn, "secret"), "bind");
        thread->latencies[i] = now() - started;
    }
    return NULL;
}

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(int count, char **arguments)
{
    if (count != 8)
        return 64;
    url = arguments[1], service = arguments[2], password = arguments[3], work = arguments[4];
    int threads = atoi(arguments[5]);
    requests = atoi(arguments[6]) / threads;
    users = atoi(arguments[7]);
    int total = threads * requests;
    double *latencies = calloc(total, sizeof *latencies);
    struct thread *all = calloc(threads, sizeof *all);
    double started = now();
    for (int i = 0; i < threads; i++) {
        all[i].number = i;
        all[i].latencies = latencies + i * requests;
        pthread_create(&all[i].id, NULL, run, &all[i]);
    }
    for (int i = 0; i < threads; i++)
        pthread_join(all[i].id, NULL);
    double elapsed = now() - started;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double processor = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6
        + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    qsort(latencies, total, sizeof *latencies, ascending);
    printf("%f %f %f %f\n", latencies[total / 2], latencies[(long)total * 99 / 100],
        total / elapsed * 1e6, processor / total);
    return 0;
}
