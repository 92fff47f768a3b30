# lint.awk - the house rules that can be read off a line. Prints `file:line: rule: what`.
#
# Rules on code look at a copy of the line without comments and without the insides of strings, so that a comment may
# name a banned function. Everything here is a heuristic on text: it must be right on our own style, not on all of C.

function report(rule, what) { print FILENAME ":" FNR ": " rule ": " what }

# The line without comments and string contents; in_comment lasts from line to line.
function code_of(line,    out, at, c) {
    out = ""
    while (line != "") {
        if (in_comment) {
            at = index(line, "*/")
            if (!at) return out
            line = substr(line, at + 2)
            in_comment = 0
            continue
        }
        if (!match(line, /\/\*|\/\/|"|'/)) return out line
        out = out substr(line, 1, RSTART - 1)
        c = substr(line, RSTART, RLENGTH)
        line = substr(line, RSTART + RLENGTH)
        if (c == "//") return out
        if (c == "/*") { in_comment = 1; out = out " "; continue }
        out = out c c
        if (c == "'") { if (!match(line, /^(\\.[^']*|[^\\'])'/)) return out }
        else if (!match(line, /^(\\.|[^\\"])*"/)) return out
        line = substr(line, RLENGTH + 1)
    }
    return out
}

function room_of(path) {
    sub(/^\.\//, "", path)
    if (path ~ /^model\/(text|kernels|encoder|score)\//) {
        split(path, part, "/")
        return part[2]
    }
    if (path ~ /^(server|model|weights)\//) { sub(/\/.*/, "", path); return path }
    return "outside"
}

# The arrows: which rooms a room may include. What is not listed points upward.
function may_include(from, to) {
    if (from == "outside") return 1
    return index(allowed[from], " " to " ") > 0
}

function call_of(code, names,    rest) {    # the first of the names that is called in code, or ""
    rest = " " code
    while (match(rest, "[^A-Za-z0-9_.>](" names ")[ ]*[(]")) {
        rest = substr(rest, RSTART + 1, RLENGTH - 1)
        sub(/[ ]*[(].*/, "", rest)
        return rest
    }
    return ""
}

BEGIN {
    counts_bytes = length("\303\251") == 2    # mawk and, in LC_ALL=C, gawk; others know UTF-8 whatever the locale
    allowed["weights"] = " weights "
    allowed["text"] = " text weights "
    allowed["kernels"] = " kernels weights "
    allowed["encoder"] = " encoder kernels weights "
    allowed["score"] = " score kernels weights "
    allowed["model"] = " model score encoder kernels text weights "
    allowed["server"] = " server model score encoder kernels text weights "
    library["microhttpd.h"] = "server"
    library["cblas.h"] = "kernels"
    banned = "strcpy|strcat|strncpy|strncat|sprintf|vsprintf|atoi|atol|atoll|atof|strtok|gets|alloca|rand|srand"
    banned = banned "|setjmp|longjmp"
    loud = "printf|vprintf|fprintf|vfprintf|puts|fputs|putchar|perror|exit|_exit|_Exit|quick_exit|abort"
}

FNR == 1 {
    in_comment = 0
    is_c = FILENAME ~ /\.[ch]$/
    is_header = FILENAME ~ /\.h$/
    room = room_of(FILENAME)
    generated = /[Gg]enerated/
}

{ raw = $0 }

# --- every text file
raw ~ /[ \t\r]$/ { report("blanks", "blanks at the end of the line") }
raw ~ /\t/ && FILENAME !~ /Makefile$/ { report("tab", "a tab; indent with four blanks") }
{
    visible = raw
    if (counts_bytes) gsub(/[\200-\277]/, "", visible)    # bytes that continue a character
    if (length(visible) > 120 && !generated && FILENAME !~ /\.md$/)
        report("width", length(visible) " columns, at most 120")
}
FILENAME ~ /lint[a-z_]*\.(sh|awk)$/ { next }    # these name what they look for
raw ~ /(^|[^A-Za-z])(TODO|FIXME|XXX)([^A-Za-z]|$)/ && raw !~ /(TODO|FIXME|XXX)[^A-Za-z]*#[0-9]/ {
    report("todo", "without the number of an issue")
}
raw ~ /(^|[^A-Za-z0-9_.*}$])\/(work|home|root|Users)\// { report("machine-path", "a path of one machine") }
raw ~ /https?:\/\// {
    rest = raw
    while (match(rest, /https?:\/\/[^\/ "'`)>:]*/)) {
        host = substr(rest, RSTART, RLENGTH)
        rest = substr(rest, RSTART + RLENGTH)
        sub(/^https?:\/\//, "", host)
        if (host ~ /^(localhost|127\.0\.0\.1|0\.0\.0\.0|\[|[$%{<]|\.\.\.|$)/) continue      # ours, or filled in later
        if (host !~ /\./) continue                                                            # no public name
        if (host ~ /(^|\.)(example|test|invalid)(\.[a-z]+)?(:[0-9]+)?$/) continue             # nobody's
        if (host == "www.w3.org" && rest ~ /^\/2000\/svg[\\"']/) continue                     # the name of SVG
        report("address", "the address of a host: " host)
    }
}

!is_c { next }

# --- C
{ code = code_of(raw) }
raw ~ /^[ ]*#[ ]*include[ ]*"/ {
    path = raw
    sub(/^[^"]*"/, "", path)
    sub(/".*/, "", path)
    target = room_of(path)
    if (path ~ /^tests\// && room != "outside") report("arrow", "the program includes " path)
    else if (target != "outside" && !may_include(room, target)) report("arrow", room "/ may not include " path)
}
raw ~ /^[ ]*#[ ]*include[ ]*</ {
    path = raw
    sub(/^[^<]*</, "", path)
    sub(/>.*/, "", path)
    if (path in library && library[path] != room && room != "outside")
        report("arrow", "<" path "> belongs to " library[path] "/")
}
{
    name = call_of(code, banned)
    if (name != "") report("banned", name "()")
    name = call_of(code, loud)
    if (name != "" && room != "server" && room != "outside") report("quiet", name "() below server/")
}
# Mutable state with static storage: a static, or a definition at the left margin, that is not const. Allowed are the
# stop flag (volatile sig_atomic_t), atomics, run-once controls, and what a thread has for itself.
code ~ /^[ ]*static [^(]*[;=[]/ || code ~ /^[A-Za-z_][A-Za-z0-9_ ]*[ *][A-Za-z_][A-Za-z0-9_]*(\[[^]]*\])*( =|;)/ {
    if (room == "outside" || is_header) next
    if (code ~ /^(typedef|extern|enum|struct [a-z_0-9]+;|return|goto)/) next
    declared = code
    sub(/[=;{].*/, "", declared)
    if (declared ~ /sig_atomic_t|_Atomic|atomic_|_Thread_local|pthread_once_t/) next
    if (declared ~ /\(/) next                                     # a function
    constant = declared ~ /(^|[ ])const[ ]/
    if (declared ~ /\*/) constant = declared ~ /\*[ ]*const[ ]/    # the pointer itself, not what it points at
    if (!constant) report("global", "mutable state with static storage")
}
