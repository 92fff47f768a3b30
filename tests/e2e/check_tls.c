/* check_tls.c - https with certificates made here, asked by curl: the chain is what the file says, a reload swaps it
 * for new connections with none lost, a broken one keeps the old, and old protocol versions are refused.
 */
#define _GNU_SOURCE    /* mkdtemp */
#include "tests/check_support.h"
#include "tests/e2e/support.h"

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { PATH_BYTES = 256, COMMAND_BYTES = 1024, PEM_ROOM = 16384, RELOADS = 20, YEAR_S = 365 * 24 * 3600 };

static char directory[] = "/tmp/check-tls-XXXXXX";
static char certificate[PATH_BYTES], key[PATH_BYTES];     /* what the server reads */
static e2e_server server;

static void path_of(char out[PATH_BYTES], const char *name)
{
    (void)snprintf(out, PATH_BYTES, "%s/%s", directory, name);
}

static void write_file(const char *path, const void *bytes, size_t length)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, length, f), length);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(chmod(path, 0600), 0);
}

/* A self-signed certificate for localhost and 127.0.0.1: <name>.crt and <name>.key. */
static void make(const char *name, gnutls_pk_algorithm_t algorithm, unsigned bits, unsigned char serial)
{
    static const unsigned char loopback[] = { 127, 0, 0, 1 };
    static char pem[PEM_ROOM];
    char path[PATH_BYTES], file[64];
    size_t length = sizeof pem;
    gnutls_x509_privkey_t secret;
    gnutls_x509_crt_t made;
    ck_assert_int_eq(gnutls_x509_privkey_init(&secret), 0);
    ck_assert_int_eq(gnutls_x509_privkey_generate(secret, algorithm, bits, 0), 0);
    ck_assert_int_eq(gnutls_x509_crt_init(&made), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_version(made, 3), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_serial(made, &serial, 1), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_dn(made, "CN=localhost", NULL), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_subject_alt_name(made, GNUTLS_SAN_DNSNAME, "localhost", 9, GNUTLS_FSAN_SET),
                     0);
    ck_assert_int_eq(gnutls_x509_crt_set_subject_alt_name(made, GNUTLS_SAN_IPADDRESS, loopback, 4, GNUTLS_FSAN_APPEND),
                     0);
    ck_assert_int_eq(gnutls_x509_crt_set_activation_time(made, time(NULL) - 60), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_expiration_time(made, time(NULL) + YEAR_S), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_basic_constraints(made, 1, -1), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_key(made, secret), 0);
    ck_assert_int_eq(gnutls_x509_crt_sign2(made, made, secret, GNUTLS_DIG_SHA256, 0), 0);
    ck_assert_int_eq(gnutls_x509_crt_export(made, GNUTLS_X509_FMT_PEM, pem, &length), 0);
    (void)snprintf(file, sizeof file, "%s.crt", name);
    path_of(path, file);
    write_file(path, pem, length);
    length = sizeof pem;
    ck_assert_int_eq(gnutls_x509_privkey_export_pkcs8(secret, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, pem,
                                                      &length), 0);
    (void)snprintf(file, sizeof file, "%s.key", name);
    path_of(path, file);
    write_file(path, pem, length);
    gnutls_x509_crt_deinit(made);
    gnutls_x509_privkey_deinit(secret);
}

/* Whole or not at all, as a renewal does it: each file is renamed over. */
static void install_one(const char *from, const char *to)
{
    char source[PATH_BYTES], beside[PATH_BYTES];
    static char bytes[PEM_ROOM];
    path_of(source, from);
    path_of(beside, "beside");
    FILE *f = fopen(source, "r");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    (void)fclose(f);
    write_file(beside, bytes, n);
    ck_assert_int_eq(rename(beside, to), 0);
}

static void install(const char *of_certificate, const char *of_key)
{
    char file[64];
    (void)snprintf(file, sizeof file, "%s.crt", of_certificate);
    install_one(file, certificate);
    (void)snprintf(file, sizeof file, "%s.key", of_key);
    install_one(file, key);
}

/* curl's exit status; trusting only the named certificate. */
static int curl(const char *trusted, const char *more, const char *path)
{
    char command[COMMAND_BYTES];
    (void)snprintf(command, sizeof command,
                   "curl -sf -o /dev/null --max-time 30 --noproxy '*' --cacert %s/%s.crt %s https://127.0.0.1:%u%s",
                   directory, trusted, more, (unsigned)server.port, path);
    int ended = system(command);
    return WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
}

enum { CURL_OK = 0, CURL_NO_HANDSHAKE = 35, CURL_NOT_TRUSTED = 60 };

static double counted(const char *result)
{
    char command[COMMAND_BYTES], text[64] = "";
    (void)snprintf(command, sizeof command,
                   "curl -sk --max-time 30 --noproxy '*' https://127.0.0.1:%u/metrics | "
                   "sed -n 's/^rosim_reloads_total{part=\"certificate\",result=\"%s\"} //p'",
                   (unsigned)server.port, result);
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    bool there = fgets(text, sizeof text, pipe) != NULL;
    (void)pclose(pipe);
    return there ? strtod(text, NULL) : -1;
}

static void reload(const char *result)
{
    double before = counted(result);
    e2e_signal(&server, SIGHUP);
    for (int waited = 0; waited < 10000 && counted(result) < before + 1; waited += 20)
        e2e_sleep_ms(20);
    ck_assert(counted(result) == before + 1);
}

START_TEST(the_certificate_of_the_file_is_presented)
{
    ck_assert_int_eq(curl("first", "", "/livez"), CURL_OK);
    ck_assert_int_eq(curl("second", "", "/livez"), CURL_NOT_TRUSTED);
    ck_assert_int_eq(curl("first", "-H 'Content-Type: application/json' -d '{\"pairs\":[[\"a\",\"b\"]]}'",
                          "/v1/similarity"), CURL_OK);
}
END_TEST

START_TEST(only_tls_1_2_and_1_3_are_spoken)
{
    ck_assert_int_eq(curl("first", "--tlsv1.2 --tls-max 1.2", "/livez"), CURL_OK);
    ck_assert_int_eq(curl("first", "--tlsv1.3", "/livez"), CURL_OK);
    ck_assert_int_eq(curl("first", "--tlsv1.0 --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0", "/livez"),
                     CURL_NO_HANDSHAKE);
}
END_TEST

typedef struct { atomic_bool stop; size_t asked, lost; } load;

static void *keep_asking(void *context)
{
    load *l = context;
    while (!atomic_load(&l->stop)) {
        l->lost += curl("first", "-k", "/livez") != CURL_OK;
        l->asked++;
    }
    return NULL;
}

START_TEST(reloads_swap_the_certificate_and_lose_no_connection)
{
    load l = { .asked = 0 };
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, keep_asking, &l), 0);
    for (int i = 1; i <= RELOADS; i++) {
        const char *now = i % 2 ? "second" : "first", *then = i % 2 ? "first" : "second";
        install(now, now);
        reload("ok");
        ck_assert_int_eq(curl(now, "", "/livez"), CURL_OK);
        ck_assert_int_eq(curl(then, "", "/livez"), CURL_NOT_TRUSTED);
    }
    atomic_store(&l.stop, true);
    (void)pthread_join(thread, NULL);
    ck_assert_uint_gt(l.asked, RELOADS / 2);
    ck_assert_uint_eq(l.lost, 0);
}
END_TEST

START_TEST(a_broken_certificate_keeps_the_old_one_and_says_why)
{
    static const char *const reasons[] = { "is not the key of the certificate", "no certificate chain in PEM",
                                           "no private key in PEM", "No such file" };
    install("second", "first");
    reload("failed");
    write_file(certificate, "nothing", 7);
    reload("failed");
    install("second", "second");
    write_file(key, "nothing", 7);
    reload("failed");
    ck_assert_int_eq(unlink(key), 0);
    reload("failed");
    ck_assert_int_eq(curl("first", "", "/livez"), CURL_OK);
    char *log = e2e_log(&server);
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        ck_assert_msg(strstr(log, reasons[i]) != NULL, "no \"%s\" in\n%s", reasons[i], log);
    free(log);
    install("first", "first");
    reload("ok");
}
END_TEST

/* HEALTHCHECK of an image: the variables of the server are those of the check. */
START_TEST(rosim_check_asks_over_https)
{
    char port[8], text[1024];
    (void)snprintf(port, sizeof port, "%u", (unsigned)server.port);
    const char *const plain[] = { "check", "--ready", "--port", port, NULL };
    const char *const https[] = { "check", "--ready", "--port", port, "--tls-certificate", certificate, NULL };
    ck_assert_int_eq(e2e_run(plain, text, sizeof text), 1);
    ck_assert_msg(e2e_run(https, text, sizeof text) == 0, "%s", text);
}
END_TEST

START_TEST(a_server_with_a_broken_certificate_does_not_start)
{
    char text[4096], wrong[PATH_BYTES];
    path_of(wrong, "second.key");
    const char *const arguments[] = { "serve", "--port", "0", "--tls-certificate", certificate, "--tls-key", wrong,
                                      NULL };
    ck_assert_int_eq(e2e_run(arguments, text, sizeof text), 1);
    ck_assert_msg(strstr(text, "is not the key of the certificate") != NULL, "%s", text);
}
END_TEST

static void start(void)
{
    const char *const arguments[] = { "--tls-certificate", certificate, "--tls-key", key, NULL };
    ck_assert_ptr_nonnull(mkdtemp(directory));
    path_of(certificate, "server.crt");
    path_of(key, "server.key");
    make("first", GNUTLS_PK_RSA, 2048, 1);
    make("second", GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 2);
    install("first", "first");
    server = e2e_start_model("tests/golden/encoder/roformer_linear", arguments);
}

static void stop(void)
{
    char command[COMMAND_BYTES];
    ck_assert_int_eq(e2e_stop(&server), 0);
    (void)snprintf(command, sizeof command, "rm -rf %s", directory);
    ck_assert_int_eq(system(command), 0);
}

int main(int argc, char **argv)
{
    (void)argc;
    e2e_init(argv[0]);
    Suite *suite = suite_create("tls");
    TCase *t = tcase_create("tls");
    check_patience(t, 300);
    tcase_add_unchecked_fixture(t, start, stop);
    tcase_add_test(t, the_certificate_of_the_file_is_presented);
    tcase_add_test(t, only_tls_1_2_and_1_3_are_spoken);
    tcase_add_test(t, reloads_swap_the_certificate_and_lose_no_connection);
    tcase_add_test(t, a_broken_certificate_keeps_the_old_one_and_says_why);
    tcase_add_test(t, rosim_check_asks_over_https);
    tcase_add_test(t, a_server_with_a_broken_certificate_does_not_start);
    suite_add_tcase(suite, t);
    return check_run(suite);
}
