/* json_in.c - see json_in.h. The getters and the call of cJSON; the pre-scan is json_scan.c.
 *
 * The idea: cJSON builds trees well but checks little, so nothing reaches it that is not strict RFC 8259 within our
 * limits.
 */
#include "server/json_in.h"

#include "server/json_scan.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

bool json_refuse(json_fault *fault, api_error code, const char *param, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fault->code = code;
    (void)snprintf(fault->param, sizeof fault->param, "%s", param ? param : "");
    (void)vsnprintf(fault->message, sizeof fault->message, format, arguments);
    va_end(arguments);
    return false;
}

cJSON *json_parse(slice bytes, json_fault *fault)
{
    return json_parse_limited(bytes, &(json_limits){ 0 }, fault);
}

cJSON *json_parse_limited(slice bytes, const json_limits *limits, json_fault *fault)
{
    if (!json_scan(bytes, limits, fault))
        return NULL;
    cJSON *tree = cJSON_ParseWithLengthOpts(bytes.data, bytes.length, NULL, false);
    if (!tree)    /* the scan let it pass, so only memory can be missing */
        (void)json_refuse(fault, API_OUT_OF_MEMORY, NULL, "out of memory while reading the body");
    return tree;
}

void json_free(cJSON *tree)
{
    cJSON_Delete(tree);
}

const char *json_kind(const cJSON *value)
{
    if (!value)
        return "absent";
    switch (value->type & 0xff) {
    case cJSON_False:
    case cJSON_True:
        return "a boolean";
    case cJSON_NULL:
        return "null";
    case cJSON_Number:
        return "a number";
    case cJSON_String:
        return "a string";
    case cJSON_Array:
        return "an array";
    default:
        return "an object";
    }
}

const cJSON *json_member(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNull(member) ? NULL : member;
}

static bool wrong_type(json_fault *fault, const char *name, const char *wanted, const cJSON *found)
{
    return json_refuse(fault, API_WRONG_TYPE, name, "%s must be %s, not %s", name, wanted, json_kind(found));
}

bool json_bool(const cJSON *object, const char *name, bool *out, json_fault *fault)
{
    const cJSON *member = json_member(object, name);
    if (!member)
        return true;
    if (!cJSON_IsBool(member))
        return wrong_type(fault, name, "true or false", member);
    *out = cJSON_IsTrue(member);
    return true;
}

bool json_size(const cJSON *object, const char *name, size_t min, size_t max, size_t *out, json_fault *fault)
{
    const cJSON *member = json_member(object, name);
    if (!member)
        return true;
    if (!cJSON_IsNumber(member))
        return wrong_type(fault, name, "a whole number", member);
    double value = member->valuedouble;
    if (!isfinite(value) || value < (double)min || value > (double)max || value > 0x1p53 || floor(value) < value)
        return json_refuse(fault, API_OUT_OF_RANGE, name, "%s is %.17g; it must be a whole number from %zu to %zu",
                           name, value, min, max);
    *out = (size_t)value;
    return true;
}

bool json_double(const cJSON *object, const char *name, double min, double max, double *out, json_fault *fault)
{
    const cJSON *member = json_member(object, name);
    if (!member)
        return true;
    if (!cJSON_IsNumber(member))
        return wrong_type(fault, name, "a number", member);
    double value = member->valuedouble;
    if (!isfinite(value) || value < min || value > max)
        return json_refuse(fault, API_OUT_OF_RANGE, name, "%s is %.17g; it must be from %.9g to %.9g", name, value,
                           min, max);
    *out = value;
    return true;
}

bool json_string(const cJSON *object, const char *name, slice *out, json_fault *fault)
{
    const cJSON *member = json_member(object, name);
    if (!member)
        return true;
    if (!cJSON_IsString(member))
        return wrong_type(fault, name, "a string", member);
    *out = slice_of(member->valuestring);
    return true;
}
