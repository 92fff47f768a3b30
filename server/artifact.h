/* artifact.h - what users make on this server and it keeps: calibrations, classifiers, adapters, drift baselines,
 * pair heads; as JSON in answers and in files.
 *
 * Owns     an artifact owns all that it points to.
 * Borrows  trees and writers during a call.
 * Threads  an artifact belongs to the store that holds it (its lock), or to the one thread that is making it.
 * Limits   ids and tags of 64 characters a-z A-Z 0-9 . _ -; class labels of 256 bytes.
 */
#ifndef ROSIM_ARTIFACT_H
#define ROSIM_ARTIFACT_H

#include "model/score/adapter.h"
#include "model/score/calibration.h"
#include "model/score/classifier.h"
#include "model/score/drift.h"
#include "model/score/pair_head.h"
#include "server/json_in.h"
#include "server/json_out.h"

typedef enum {
    ARTIFACT_CALIBRATION, ARTIFACT_CLASSIFIER, ARTIFACT_ADAPTER, ARTIFACT_BASELINE, ARTIFACT_HEAD, ARTIFACT_KINDS
} artifact_kind;

enum { ARTIFACT_NAME_BYTES = 65, ARTIFACT_MODEL_BYTES = 256, ARTIFACT_LABEL_BYTES = 257, ARTIFACT_VERSION = 1 };

typedef struct {
    artifact_kind kind;
    char id[ARTIFACT_NAME_BYTES];
    char model[ARTIFACT_MODEL_BYTES];     /* its name, and what its files hashed to ("" when nothing is stored) */
    char fingerprint[ARTIFACT_NAME_BYTES];
    char attention[ARTIFACT_NAME_BYTES];  /* of the vectors that it was made from */
    char adapter_id[ARTIFACT_NAME_BYTES]; /* the one that the vectors went through, or "" */
    char tag[ARTIFACT_NAME_BYTES];        /* baseline: of the texts it watches; "" is all of the model's */
    int64_t created_s;                    /* since 1970 */

    calibration calibration;
    double wanted_precision;              /* 0: no threshold was asked for */
    calibration_threshold threshold;
    classifier *classifier;
    char (*labels)[ARTIFACT_LABEL_BYTES]; /* [classes], of the classifier or the head */
    pair_head head;
    adapter *adapter;
    adapter_report gain;
    drift_baseline *baseline;
    drift_window *window;                 /* what has been served since this process made or loaded it */
} artifact;

const char *artifact_kind_name(artifact_kind kind);       /* "calibration" */
bool artifact_name_is_good(slice name);

size_t artifact_bytes(const artifact *a);         /* in memory, near enough */
artifact *artifact_open(artifact_kind kind);      /* NULL when out of memory */
void artifact_close(artifact *a);                 /* NULL is fine */

/* The object; with_data adds the matrices, which files need and people do not. */
void artifact_write(json_out *w, const artifact *a, bool with_data);
/* From a file's tree; every field is checked. ST_FORMAT names the field. */
MUST_USE status artifact_read(artifact **out, const cJSON *tree, errinfo *err);

#endif
