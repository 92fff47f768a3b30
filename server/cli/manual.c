/* manual.c - see manual.h. Both outputs walk the two tables of option_table.h, so that a new option needs no second
 * place; what no table knows (files, signals) is the constant text below. */
#include "server/cli/manual.h"

#include "server/option_table.h"
#include "server/options.h"
#include "server/version.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char about[] =
    ".SH DESCRIPTION\n"
    "rosim encodes texts with a model on the CPU and compares the vectors. It does so for the texts of one command,\n"
    "or as a server over HTTP. Results go to stdout, everything else to stderr.\n";

static const char rules[] =
    ".SH ENVIRONMENT\n"
    "Every option has a variable, named above. The command line wins over it, and an empty variable counts as unset.\n"
    "In a variable, the items of a repeatable option are separated by commas.\n"
    ".SH SIGNALS\n"
    ".TP\n.B SIGTERM, SIGINT\n"
    "The server says that it leaves (/readyz answers 503), goes on serving for\n.BR \\-\\-drain\\-delay ,\n"
    "finishes what it has begun and ends with status 0. A second one ends it at once.\n"
    ".TP\n.B SIGHUP\n"
    "The server reads again what may change while it runs.\n"
    ".SH FILES\n"
    ".TP\n.I weights/default, ../share/rosim/default\n"
    "The model when none is named: below the working directory, or beside the folder of the binary.\n"
    ".TP\n.I /etc/default/rosim\n"
    "The environment of the service (systemd).\n"
    ".SH EXIT STATUS\n"
    "0 done, 1 failed, 2 wrong usage.\n";

/* Text for roff: a minus that can be copied, and no line that looks like a request. */
static void print_roff(const char *text)
{
    bool at_start = true;
    for (const char *c = text; *c; c++) {
        if (at_start && (*c == '.' || *c == '\''))
            (void)fputs("\\&", stdout);
        at_start = *c == '\n';
        if (*c == '-')
            (void)fputs("\\-", stdout);
        else if (*c == '\\')
            (void)fputs("\\e", stdout);
        else if (*c == '\'')
            (void)fputs("\\(aq", stdout);
        else
            (void)putchar(*c);
    }
}

static void print_variable(const char *flag)
{
    (void)fputs("ROSIM_", stdout);
    for (const char *c = flag; *c; c++)
        (void)putchar(*c == '-' ? '_' : toupper((unsigned char)*c));
}

static void print_command(const command_row *c)
{
    (void)printf(".TP\n.BI \"rosim %s \" \"", c->name);
    (void)fputs("[options] ", stdout);
    print_roff(c->arguments);
    (void)printf("\"\n");
    print_roff(c->summary);
    (void)putchar('\n');
}

static void print_takers(const option_row *row)
{
    size_t count;
    const command_row *commands = command_rows(&count);
    (void)printf("Of");
    const char *separator = " ";
    for (size_t i = 0; i < count; i++) {
        if (!(row->commands & commands[i].bit))
            continue;
        (void)printf("%s%s", separator, commands[i].name);
        separator = ", ";
    }
    (void)printf(".\n");
}

static void print_option(const option_row *row)
{
    (void)printf(".TP\n.BR ");
    if (row->letter)
        (void)printf("\\-%c \", \" ", row->letter);
    print_roff("--");
    print_roff(row->flag);
    if (row->value) {
        (void)printf(" \" \\fI");
        print_roff(row->value);
        (void)printf("\\fR\"");
    }
    (void)putchar('\n');
    print_roff(row->help);
    if (row->preset) {
        (void)printf(" [");
        print_roff(row->preset);
        (void)putchar(']');
    }
    (void)printf(".\n");
    print_takers(row);
    (void)printf("Variable: ");
    print_variable(row->flag);
    if (row->te_env)
        (void)printf(" or %s", row->te_env);
    if (row->te_flag) {
        (void)printf("; the option is also called ");
        print_roff("--");
        print_roff(row->te_flag);
    }
    (void)printf(".\n");
}

void manual_print_page(void)
{
    size_t count;
    (void)printf(".TH ROSIM 1 %s \"rosim %s\" \"User Commands\"\n", ROSIM_DATE, ROSIM_VERSION);
    (void)printf(".SH NAME\nrosim \\- how similar are these texts\n");
    (void)printf(".SH SYNOPSIS\n.B rosim\n.I COMMAND\n[options] [arguments]\n.PP\n.B rosim help\n[\\fICOMMAND\\fR]\n"
                 ".PP\n.B rosim version\n%s.SH COMMANDS\n", about);
    const command_row *commands = command_rows(&count);
    for (size_t i = 0; i < count; i++)
        print_command(&commands[i]);
    (void)printf(".SH OPTIONS\nA value follows after a blank or an equals sign. The default stands in brackets.\n");
    size_t row_count;
    const option_row *rows = option_rows(&row_count);
    for (size_t i = 0; i < row_count; i++)
        print_option(&rows[i]);
    (void)fputs(rules, stdout);
    (void)printf(".SH EXAMPLES\n.nf\n");
    for (size_t i = 0; i < count; i++)
        print_roff(commands[i].examples);
    (void)printf(".fi\n");
}

/* ---- bash ---- */

static void print_words(const char *choices)
{
    for (const char *c = choices; *c; c++)
        (void)putchar(*c == '|' ? ' ' : *c);
}

/* What may follow an option: its choices; files for what names one (bash's default); else nothing. */
static void print_values(const option_row *row)
{
    static const char *const files[] = { "DIR", "FILE", "[NAME=]DIR" };
    if (!row->value)
        return;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(row->value, files[i]) == 0)
            return;
    (void)printf("        --%s) ", row->flag);
    if (row->kind == TAKES_CHOICE) {
        (void)printf("words='");
        print_words(row->value);
        (void)printf("' ;;\n");
    } else {
        (void)printf("compopt +o default; return ;;\n");
    }
}

static void print_flags(const command_row *command)
{
    size_t count;
    const option_row *rows = option_rows(&count);
    (void)printf("        %s) words='--help", command->name);
    for (size_t i = 0; i < count; i++)
        if (rows[i].commands & command->bit)
            (void)printf(" --%s", rows[i].flag);
    (void)printf("' ;;\n");
}

void manual_print_bash(void)
{
    size_t count, row_count;
    const command_row *commands = command_rows(&count);
    const option_row *rows = option_rows(&row_count);
    (void)printf("# Completion of rosim's commands, options and choices for bash, written by rosim help --bash.\n"
                 "_rosim() {\n"
                 "    local words='' word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                 "    COMPREPLY=()\n"
                 "    case $before in\n"
                 "        rosim|help) words='");
    for (size_t i = 0; i < count; i++)
        (void)printf("%s ", commands[i].name);
    (void)printf("version help' ;;\n");
    for (size_t i = 0; i < row_count; i++)
        print_values(&rows[i]);
    (void)printf("    esac\n"
                 "    if [ -z \"$words\" ] && [[ $word == -* ]]; then\n"
                 "        case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < count; i++) {
        (void)printf("    ");
        print_flags(&commands[i]);
    }
    (void)printf("        esac\n"
                 "    fi\n"
                 "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
                 "}\n"
                 "complete -o default -F _rosim rosim\n");
}
