/* main.c - picks the sub-command. Exit status: 0 done, 1 failed, 2 wrong usage. */
#include "server/cli/cli.h"
#include "server/cli/manual.h"
#include "server/option_table.h"
#include "server/version.h"

#include <stdio.h>
#include <string.h>

enum { DONE = 0, FAILED = 1, USAGE = 2 };

static const struct { const char *name; int (*run)(const options *o); } dispatch[] = {
    { "serve", cli_serve }, { "score", cli_score }, { "embed", cli_embed }, { "rank", cli_rank },
    { "tokenize", cli_tokenize }, { "info", cli_info }, { "check", cli_check },
    { "bench", cli_bench }, { "calibrate", cli_calibrate }, { "head", cli_head },
    { "diagnose", cli_diagnose },
};

static void usage(FILE *out)
{
    size_t count;
    const command_row *rows = command_rows(&count);
    (void)fprintf(out, "rosim COMMAND [options]: how similar are these texts?\n\n");
    for (size_t i = 0; i < count; i++)
        (void)fprintf(out, "  %-10s %s\n", rows[i].name, rows[i].summary);
    (void)fprintf(out, "  %-10s Prints the version.\n", "version");
    (void)fprintf(out, "  %-10s Prints this, or the options of a command.\n", "help");
    (void)fprintf(out, "\nrosim COMMAND --help lists a command's options.\n");
}

/* The status, unless what was printed could not be written. */
static int written(int result)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return result;
    (void)fprintf(stderr, "rosim: cannot write the output\n");
    return FAILED;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int run(int (*command)(const options *), int argc, char **argv)
{
    options o;
    errinfo err;
    if (wants_help(argc, argv)) {
        options_help(argv[1]);
        return written(DONE);
    }
    int result = USAGE;
    if (options_parse(&o, argv[1], argc - 2, argv + 2, &err) == ST_OK)
        result = command(&o);
    else
        (void)fprintf(stderr, "rosim %s: %s\n", argv[1], err.text);
    options_clear(&o);
    return result;
}

static int help(const char *command)
{
    if (!command)
        usage(stdout);
    else if (strcmp(command, "--man") == 0)
        return manual_print_page(), DONE;
    else if (strcmp(command, "--bash") == 0)
        return manual_print_bash(), DONE;
    else if (command_find(command))
        options_help(command);
    else
        (void)fprintf(stderr, "rosim help: no command %s\n", command);
    return !command || command_find(command) ? DONE : USAGE;
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < sizeof dispatch / sizeof *dispatch; i++)
        if (strcmp(command, dispatch[i].name) == 0)
            return run(dispatch[i].run, argc, argv);
    if (is_one_of(command, "version", "--version", "-V"))
        return written(puts("rosim " ROSIM_VERSION) < 0 ? FAILED : DONE);
    if (is_one_of(command, "help", "--help", "-h"))
        return written(help(argc > 2 ? argv[2] : NULL));
    if (*command)
        (void)fprintf(stderr, "rosim %s: no such command; rosim help lists them\n", command);
    else
        usage(stderr);
    return USAGE;
}
