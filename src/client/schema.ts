// Generated from openapi/openapi.json by `npm run generate`; sha256 a3fc60d53b8a21412abb2848dcb5fb8c5416ba8c8b3ecf43cffcfa169a599d85.
export interface paths {
    "/v1/executions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List executions, newest first
         * @description Lists your executions that match all filters. A page can have fewer items than `limit`, or none: continue while `next_cursor` is not null.
         *
         *     Requires the scope `read`.
         */
        get: operations["listExecutions"];
        put?: never;
        /**
         * Submit an execution
         * @description execd stores the execution before it responds, and runs it as soon as a slot is free. Send an Idempotency-Key to be able to repeat the request safely.
         *
         *     Requires the scope `submit`.
         */
        post: operations["submitExecution"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/dry-run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Try an execution without submitting it
         * @description Returns whether execd would accept the request now, how it would begin, the policy that would apply, its cache key and its cost. execd stores and runs nothing.
         *
         *     Requires the scope `submit`.
         */
        post: operations["dryRunExecution"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Submit up to 1,000 executions together
         * @description Each item is accepted or rejected by itself. The response is 200 with one item for each, in order: check the `status` of each item.
         *
         *     Requires the scope `submit`.
         */
        post: operations["submitBatch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an execution
         * @description Responds at once, or with `wait` when the execution has finished, or when its revision is greater than `after_revision`. When the time is over, the response is the current execution.
         *
         *     Requires the scope `read`.
         */
        get: operations["getExecution"];
        put?: never;
        post?: never;
        /**
         * Remove an execution and its log
         * @description Removes an execution that has finished. Cancel a running one first.
         *
         *     Requires the scope `cancel`.
         */
        delete: operations["deleteExecution"];
        options?: never;
        head?: never;
        /**
         * Change an execution that has not finished
         * @description Changes the priority, or extends time limits. You cannot shorten a limit, or set one that is off.
         *
         *     Requires the scope `submit`.
         */
        patch: operations["updateExecution"];
        trace?: never;
    };
    "/v1/executions/{id}/result": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the result of an execution
         * @description Returns the result in short, in every state. Its `result` is null until the end.
         *
         *     Requires the scope `read`.
         */
        get: operations["getExecutionResult"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel an execution
         * @description A waiting execution ends at once. A running one gets the stop signal, and SIGKILL after the grace; its status becomes `cancelled` when all of its processes have ended. An execution that has finished does not change.
         *
         *     Requires the scope `cancel`.
         */
        post: operations["cancelExecution"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel many executions
         * @description Cancels each of your executions that has not finished and that matches all filters.
         *
         *     Requires the scope `cancel`.
         */
        post: operations["cancelExecutions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/rerun": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Run an execution again
         * @description Submits a new execution with the spec of a finished one; of an operation or a plan, with changed `params`.
         *
         *     Requires the scope `submit`.
         */
        post: operations["rerunExecution"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Run something and stream its output as the response
         * @description Submits an execution and streams its standard output as the response. The response begins with the first byte, or with the end. If the run fails before it has written anything, the response is an error: 422 if the command failed, 504 if it ran out of time, 409 if it was cancelled, 502 if execd or a target failed. If it fails later, the trailers tell how.
         *
         *     Requires the scope `submit`.
         */
        post: operations["runExecution"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/signals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a signal to a command that runs
         * @description Sends the signal and returns at once. If the command ends by it, the execution fails with the cause `signalled`. To stop an execution with a proof that its processes have ended, cancel it.
         *
         *     Requires the scope `cancel`.
         */
        post: operations["signalExecution"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/stdin": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send input to a command that runs
         * @description Adds the bytes of the body to standard input, as fast as the command reads it. The execution needs `stdin: {"open": true}` or `tty`. Bytes that execd has already taken in are skipped by their `offset`, so that you can repeat a request that broke off.
         *
         *     Requires the scope `submit`.
         */
        post: operations["sendExecutionInput"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/attach": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Attach to an execution by WebSocket
         * @description Sends output as it is written, and takes input, signals and terminal sizes. docs/reference/live.md has the messages. Input requires the scope `submit`, signals the scope `cancel`.
         *
         *     Requires the scope `read`.
         */
        get: operations["attachExecution"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/artifacts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the artifacts of an execution
         * @description Requires the scope `read`.
         */
        get: operations["listArtifacts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/artifacts.tar.gz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Download all artifacts as one archive
         * @description Requires the scope `read`.
         */
        get: operations["getArtifactArchive"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/artifacts/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Download an artifact
         * @description The `ETag` is the SHA-256 digest. Browsers save the file and never show it.
         *
         *     Requires the scope `read`.
         */
        get: operations["getArtifact"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/uploads": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Upload a file
         * @description Send the bytes as `application/octet-stream`, or as the only file of a form. Or begin with `size` and no body, and add the bytes in parts with `PATCH`.
         *
         *     Requires the scope `submit`.
         */
        post: operations["createUpload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/uploads/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an upload
         * @description Requires the scope `read`.
         */
        get: operations["getUpload"];
        put?: never;
        post?: never;
        /**
         * Remove an upload
         * @description Executions that use it keep its bytes.
         *
         *     Requires the scope `submit`.
         */
        delete: operations["deleteUpload"];
        options?: never;
        head?: never;
        /**
         * Add bytes to an upload
         * @description Adds the bytes of the body at an offset. execd keeps the received bytes of a request that breaks off: `received` is the place to continue at. Bytes that you send again replace the earlier ones. The upload is complete when it has all of its bytes.
         *
         *     Requires the scope `submit`.
         */
        patch: operations["appendUpload"];
        trace?: never;
    };
    "/v1/executions/{id}/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Explain an execution or a plan
         * @description Explains why it waits or ended, its retries, the cache lookup, and the effect of a rerun. Nothing is changed.
         *
         *     Requires the scope `read`.
         */
        get: operations["explainExecution"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/reports/operations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Report on operations over a window of time
         * @description Counts your executions that ended in the window and that execd still keeps: by status and by error, with the spread of their waits and runs. Steps of plans count, too.
         *
         *     Requires the scope `read`.
         */
        get: operations["reportOperations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read or follow the log of an execution
         * @description Returns the output in the order in which it was written. With `follow=true`, the response continues until the end. With `ndjson` the schema describes one line; with `sse` it describes the data of a message `output` or `end`.
         *
         *     Requires the scope `read`.
         */
        get: operations["getExecutionLog"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plans": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List plans, newest first
         * @description Lists your plans that match all filters, without plans that are steps of other plans.
         *
         *     Requires the scope `read`.
         */
        get: operations["listPlans"];
        put?: never;
        /**
         * Submit a plan
         * @description execd checks the whole plan, stores it before it responds, and runs its steps by the strategy. Each step is an execution of its own.
         *
         *     Requires the scope `submit`.
         */
        post: operations["submitPlan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plans/validate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Check a plan without submitting it
         * @description Returns every problem of the plan. execd stores and runs nothing.
         *
         *     Requires the scope `submit`.
         */
        post: operations["validatePlan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plans/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a plan and the state of its steps
         * @description Responds at once, or with `wait` when the plan has finished. When the time is over, the response is the current plan.
         *
         *     Requires the scope `read`.
         */
        get: operations["getPlan"];
        put?: never;
        post?: never;
        /**
         * Remove a plan with its steps and their logs
         * @description Removes a plan that has finished. Cancel a running one first.
         *
         *     Requires the scope `cancel`.
         */
        delete: operations["deletePlan"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plans/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a plan
         * @description Cancels the plan and each of its steps that has not finished.
         *
         *     Requires the scope `cancel`.
         */
        post: operations["cancelPlan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plans/{id}/rerun": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Run a plan again
         * @description Submits a new plan with all steps of a finished one.
         *
         *     Requires the scope `submit`.
         */
        post: operations["rerunPlan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plans/{id}/redrive": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Run the rest of a plan that did not complete
         * @description Submits a new plan that keeps the completed steps of a finished one, and runs the others.
         *
         *     Requires the scope `submit`.
         */
        post: operations["redrivePlan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plans/{id}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read or follow the logs of all steps of a plan
         * @description Returns the output of all steps; with `q` or `regex`, the lines that match. With `follow=true`, the response continues until the plan has finished. With `ndjson`, the schema describes one line.
         *
         *     Requires the scope `read`.
         */
        get: operations["getPlanLog"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plans/{id}/signals/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a signal to a plan
         * @description Ends each step of the plan that waits for the signal; its payload becomes their value. If no step waits for it, execd keeps it for the next step that does. With an `Idempotency-Key`, a repeated signal is the first one.
         *
         *     Requires the scope `submit`.
         */
        post: operations["sendSignal"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plans/{id}/signals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the signals of a plan
         * @description Lists the signals of a plan, and the steps that they ended.
         *
         *     Requires the scope `read`.
         */
        get: operations["listSignals"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/approvals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List approvals that wait for your decision
         * @description Lists the approvals on which you may decide and have not yet, also in plans of other users.
         *
         *     Requires the scope `read`.
         */
        get: operations["listApprovals"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plans/{id}/approvals/{step}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an approval
         * @description Returns the approval that a step waits for, with its decisions. The user of the plan and those who may decide see it.
         *
         *     Requires the scope `read`.
         */
        get: operations["getApproval"];
        put?: never;
        /**
         * Approve or reject
         * @description Decides on an approval as you. One rejection ends it; approvals end it when there are as many as it requires.
         *
         *     Requires the scope `submit`.
         */
        post: operations["decide"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plans/{id}/approvals/{step}/links": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create links for a decision
         * @description Returns two links for a chat message or a mail. Anyone who opens one and presses its button decides as you, without an API key. A user decides once, so the first use counts.
         *
         *     Requires the scope `submit`.
         */
        post: operations["createDecisionLinks"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/approvals/{token}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read an approval by a link
         * @description Shows the question of the approval. It decides nothing: programs that preview links call it.
         */
        get: operations["getApprovalByLink"];
        put?: never;
        /**
         * Decide by a link
         * @description Decides as the user of the link. The link is the credential.
         */
        post: operations["decideByLink"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/executions/{id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow an execution
         * @description Sends the events of the execution, with `output=true` or `lines=true` also its output, with `progress=true` also its progress, and ends with it. The stream replays stored events and then continues. Each message has an `id`: send the last one as Last-Event-ID to continue after it.
         *
         *     Requires the scope `read`.
         */
        get: operations["followExecution"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow all of your executions
         * @description Sends the events of all of your executions and plans that match all filters. The stream replays stored events and then continues. Each message has an `id`: send the last one as Last-Event-ID to continue after it.
         *
         *     Requires the scope `read`.
         */
        get: operations["followEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plans/{id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow a plan and its steps
         * @description Sends the events of the plan and of its steps, and ends with the plan. The stream replays stored events and then continues. Each message has an `id`: send the last one as Last-Event-ID to continue after it.
         *
         *     Requires the scope `read`.
         */
        get: operations["followPlan"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/schedules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List schedules
         * @description Lists your schedules with their next due times.
         *
         *     Requires the scope `read`.
         */
        get: operations["listSchedules"];
        put?: never;
        /**
         * Create a schedule
         * @description execd checks the work, stores the schedule, and starts the execution or plan at each due time, as you and under the policy at that time.
         *
         *     Requires the scope `submit`.
         */
        post: operations["createSchedule"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/schedules/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a schedule
         * @description Returns a schedule with its next due times.
         *
         *     Requires the scope `read`.
         */
        get: operations["getSchedule"];
        /**
         * Create or replace a schedule
         * @description Creates the schedule of this name, or replaces it. Its history stays. A schedule that has ended begins again.
         *
         *     Requires the scope `submit`.
         */
        put: operations["putSchedule"];
        post?: never;
        /**
         * Remove a schedule and its history
         * @description Work that it has started continues.
         *
         *     Requires the scope `submit`.
         */
        delete: operations["deleteSchedule"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/schedules/{name}/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the results of due times
         * @description Lists the latest due times: started, waiting, skipped, missed or refused.
         *
         *     Requires the scope `read`.
         */
        get: operations["listScheduleRuns"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/schedules/{name}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Pause a schedule
         * @description It starts nothing until you resume it. Running work continues. execd does not serve the due times of the pause later.
         *
         *     Requires the scope `submit`.
         */
        post: operations["pauseSchedule"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/schedules/{name}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Resume a schedule
         * @description It continues with its next due time.
         *
         *     Requires the scope `submit`.
         */
        post: operations["resumeSchedule"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/schedules/{name}/run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Run a schedule now
         * @description Starts the work of the schedule, as its `overlap` allows, also if it is paused or has ended. Its due times do not change.
         *
         *     Requires the scope `submit`.
         */
        post: operations["runSchedule"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List webhooks
         * @description Lists your webhooks, without those of single executions.
         *
         *     Requires the scope `read`.
         */
        get: operations["listWebhooks"];
        put?: never;
        /**
         * Create a webhook
         * @description execd sends the events of your executions that match all filters to a URL, signed as Standard Webhooks specifies. The response contains the secret once.
         *
         *     Requires the scope `submit`.
         */
        post: operations["createWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a webhook
         * @description Returns a webhook, without its secret.
         *
         *     Requires the scope `read`.
         */
        get: operations["getWebhook"];
        put?: never;
        post?: never;
        /**
         * Remove a webhook and its deliveries
         * @description execd drops events that wait for delivery.
         *
         *     Requires the scope `submit`.
         */
        delete: operations["deleteWebhook"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}/enable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Enable a webhook
         * @description execd sends events again, from now on.
         *
         *     Requires the scope `submit`.
         */
        post: operations["enableWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}/disable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Disable a webhook
         * @description execd sends nothing until you enable it, and drops events that are waiting to be delivered.
         *
         *     Requires the scope `submit`.
         */
        post: operations["disableWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}/rotate-secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Rotate the secret of a webhook
         * @description Creates a new secret. For a while, messages are signed with both. The response contains the secret once.
         *
         *     Requires the scope `submit`.
         */
        post: operations["rotateWebhookSecret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a test message
         * @description Sends one message now, and returns the result. execd does not retry it.
         *
         *     Requires the scope `submit`.
         */
        post: operations["testWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Show the message that a webhook would send
         * @description Evaluates `when` and `template` on an event, and returns the message. execd sends nothing.
         *
         *     Requires the scope `submit`.
         */
        post: operations["previewWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the deliveries of a webhook, newest first
         * @description Lists each event that execd has sent or will send, with all tries.
         *
         *     Requires the scope `read`.
         */
        get: operations["listDeliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}/deliveries/{delivery}/redeliver": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Deliver an event again
         * @description Sends the event again soon, with the same `webhook-id`.
         *
         *     Requires the scope `submit`.
         */
        post: operations["redeliver"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cache": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get statistics of the cache
         * @description Returns counters since the start of the server.
         *
         *     Requires the scope `read`.
         */
        get: operations["getCacheStats"];
        put?: never;
        post?: never;
        /**
         * Remove stored results
         * @description Removes your results that match all filters; without filters, all of yours.
         *
         *     Requires the scope `submit`.
         */
        delete: operations["clearCache"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cache/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a stored result
         * @description Returns a result that you can use.
         *
         *     Requires the scope `read`.
         */
        get: operations["getCacheEntry"];
        /**
         * Put a value into the cache
         * @description Stores a value as the result of the requests that have this key: they get it as a hit. It replaces a stored result. It counts as a submission of the user.
         *
         *     Requires the scope `submit`.
         */
        put: operations["putCacheEntry"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cache/warm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Run executions to fill the cache
         * @description Runs each item whose result is not in the cache; with `cache.mode: "refresh"`, in any case. Each item is accepted or rejected by itself.
         *
         *     Requires the scope `submit`.
         */
        post: operations["warmCache"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cache/entries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List stored results
         * @description Lists your results and the shared ones that you may use, in the order of their keys.
         *
         *     Requires the scope `read`.
         */
        get: operations["listCacheEntries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/circuits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List circuits
         * @description Lists the circuits that executions and webhooks have used. Only the user of a webhook and administrators see the circuit of its receiver.
         *
         *     Requires the scope `read`.
         */
        get: operations["listCircuits"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/circuits/{name}/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Close a circuit
         * @description Closes a circuit and forgets its failures.
         *
         *     Requires the scope `admin`.
         */
        post: operations["resetCircuit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/circuits/{name}/isolate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Hold a circuit open
         * @description Rejects all calls of a circuit, without probes and also after a restart, until the circuit is reset.
         *
         *     Requires the scope `admin`.
         */
        post: operations["isolateCircuit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the credits of a user
         * @description Returns your account. Requires the scope `admin` for another user.
         *
         *     Requires the scope `read`.
         */
        get: operations["getAccount"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{user_id}/entries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the entries of an account, newest first
         * @description Lists grants, charges and refunds.
         *
         *     Requires the scope `read`.
         */
        get: operations["listAccountEntries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/accounts/{user_id}/grants": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Grant credits to a user, or take them back
         * @description Adds an entry to the account. Send an Idempotency-Key to be able to repeat the request safely.
         *
         *     Requires the scope `admin`.
         */
        post: operations["grantCredits"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/operations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List operations that were put by API
         * @description Lists definitions, by name. `GET /v1/operations` lists all operations, also those of the file.
         *
         *     Requires the scope `admin`.
         */
        get: operations["listStoredOperations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/operations/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an operation that was put by API
         * @description Returns the stored definition.
         *
         *     Requires the scope `admin`.
         */
        get: operations["getStoredOperation"];
        /**
         * Put an operation
         * @description Defines an operation, or replaces the one of this name. The definition survives a restart. Accepted executions keep their definition. execd rejects a name of the operations file.
         *
         *     Requires the scope `admin`.
         */
        put: operations["putOperation"];
        post?: never;
        /**
         * Remove an operation that was put by API
         * @description Accepted executions continue. Change operations of the file in the file.
         *
         *     Requires the scope `admin`.
         */
        delete: operations["removeOperation"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/operations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List operations
         * @description Lists the operations of the operations file, by name.
         *
         *     Requires the scope `read`.
         */
        get: operations["listOperations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/operations/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an operation
         * @description Returns the parameters and the policy of an operation.
         *
         *     Requires the scope `read`.
         */
        get: operations["getOperation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/reload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Reload the files of the operator
         * @description Reads the operations file and the other files of the operator again. If one of them is invalid, nothing changes.
         *
         *     Requires the scope `admin`.
         */
        post: operations["reloadFiles"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/hooks/{operation}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Deliver to the hook of an operation
         * @description Runs an operation by its hook in the operations file. The signature of the request is its credential. An operation without a hook, one that does not exist, and a wrong signature have the same response.
         */
        post: operations["deliverToHook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the audit log of a day
         * @description Returns one JSON object for each request that changed something or that was rejected for its credential.
         *
         *     Requires the scope `admin`.
         */
        get: operations["getAuditLog"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the API keys of all users
         * @description Lists the keys of the store and of the keys file, without the keys themselves.
         *
         *     Requires the scope `admin`.
         */
        get: operations["listKeys"];
        put?: never;
        /**
         * Create an API key
         * @description The response contains the key once. When the server has a key, every request needs one: create a key with the scope `admin` first.
         *
         *     Requires the scope `admin`.
         */
        post: operations["createKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/keys/{id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Rotate an API key
         * @description Creates a key that replaces another one. The old key stays valid for a while. The response contains the new key once.
         *
         *     Requires the scope `admin`.
         */
        post: operations["rotateKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/keys/{id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Revoke an API key
         * @description Revokes the key at once, and ends all of its open requests.
         *
         *     Requires the scope `admin`.
         */
        post: operations["revokeKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get who you are
         * @description Returns the user and the rights of your key or token.
         *
         *     Requires the scope `read`.
         */
        get: operations["getMe"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/me/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get your use of the server
         * @description Returns the numbers of your running and waiting executions, your kept data, and the limits. An administrator gets the same of another user with `Execution-User`.
         *
         *     Requires the scope `read`.
         */
        get: operations["getUsage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the settings of the server
         * @description Secrets are not part of the settings. Of a URL, only the origin is shown.
         *
         *     Requires the scope `admin`.
         */
        get: operations["listSettings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/pauses": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what is paused
         * @description Lists the pauses of the queue, of operations and of concurrency keys, and maintenance.
         *
         *     Requires the scope `admin`.
         */
        get: operations["listPauses"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/pauses/{what}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Pause the queue, an operation or a key, or begin maintenance
         * @description Nothing of it starts from now on. Running work continues, and new work waits. In maintenance, execd continues accepted work and rejects new work with 503.
         *
         *     Requires the scope `admin`.
         */
        put: operations["pause"];
        post?: never;
        /**
         * Resume the queue, an operation or a key, or end maintenance
         * @description Waiting work starts as slots are free.
         *
         *     Requires the scope `admin`.
         */
        delete: operations["resume"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runners": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the servers and their executions
         * @description Lists the servers that share the PostgreSQL database and whose lease is not over. With the embedded store there is one.
         *
         *     Requires the scope `admin`.
         */
        get: operations["listRunners"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runners/{name}/drain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let a server start nothing new
         * @description The server starts no more work, also after a restart. If another server responds, this takes up to a second. Running commands continue, queued work starts on other servers, and the server still serves the API. If the server is already drained, the new reason replaces the old one.
         *
         *     Requires the scope `admin`.
         */
        post: operations["drainRunner"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/runners/{name}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let a drained server start work again
         * @description The server starts queued work again when it has free slots.
         *
         *     Requires the scope `admin`.
         */
        post: operations["resumeRunner"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/livez": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check that the process responds
         * @description For liveness probes.
         */
        get: operations["getLiveness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check that the server accepts executions
         * @description For readiness probes.
         */
        get: operations["getReadiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the health of the server
         * @description Checks each component.
         */
        get: operations["getHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/health/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the health with figures and thresholds
         * @description Returns the components of `/health`, and ratios, ages and lags beside the thresholds of the alert rules. The status code is always 200.
         *
         *     Requires the scope `read`.
         */
        get: operations["getHealthSummary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Prometheus metrics
         * @description Returns all metrics since the start of the server.
         *
         *     Requires the scope `read`.
         */
        get: operations["getMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get statistics of the server
         * @description Returns executions by status, and the use of slots, queue, store and cache.
         *
         *     Requires the scope `read`.
         */
        get: operations["getStats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/cleanup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Remove executions whose retention has ended
         * @description Removes them now, instead of at the next regular cleanup.
         *
         *     Requires the scope `admin`.
         */
        post: operations["cleanUp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/admin/flush": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Store the output counters of running executions
         * @description Stores them now, instead of at the next regular write.
         *
         *     Requires the scope `admin`.
         */
        post: operations["flushCounters"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface webhooks {
    executionEvent: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * An event of an execution or plan
         * @description execd sends the events that the webhook selects, by default `completed`, `failed`, `cancelled` and `timed_out`. Events of one execution arrive in order unless a delivery fails.
         */
        post: operations["onExecutionEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    accountEvent: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * The balance of an account became low
         * @description execd sends it once when the balance falls below the threshold of the credits file.
         */
        post: operations["onAccountEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    scheduleEvent: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A schedule is silent
         * @description execd sends it once if no run of a schedule completes for `silent_after_ms`.
         */
        post: operations["onScheduleEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    test: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A test that you requested
         * @description execd sends it once for each `POST /v1/webhooks/{id}/test`.
         */
        post: operations["onTest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface components {
    schemas: {
        Spec: components["schemas"]["ExecSpec"] | components["schemas"]["ShellSpec"] | components["schemas"]["ScriptSpec"] | components["schemas"]["AwsCliSpec"] | components["schemas"]["HttpSpec"] | components["schemas"]["OperationSpec"];
        ExecSpec: {
            /**
             * @description A program, without a shell. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "exec";
            /** @description A path, or a name on the PATH. */
            program: string;
            args?: components["schemas"]["Arguments"];
            cwd?: components["schemas"]["WorkingDirectory"];
            env?: components["schemas"]["Environment"];
            stdin?: components["schemas"]["Stdin"];
            tty?: components["schemas"]["TerminalSize"];
            files?: components["schemas"]["Files"];
            artifacts?: components["schemas"]["Artifacts"];
            progress?: components["schemas"]["Progress"];
            /**
             * @description The least isolation of its process. Default, and never less: as the policy has it.
             * @enum {string}
             */
            isolation?: "none" | "supervised" | "uid" | "sandbox";
            network?: components["schemas"]["Network"];
            /** @description Name of a root directory of this server (EXECUTION_ROOTS_FILE): it sees only the files of that directory. Implies `isolation: sandbox`. */
            root?: string;
            /** @description The niceness of its processes, as of nice(1): a higher number leaves more CPU time to others. Default: 0. */
            nice?: number;
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            webhook?: components["schemas"]["WebhookTarget"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Start after this wait, milliseconds, and replace an execution with the same `concurrency.key` that still waits for its start time. If many come quickly, only the last one runs. */
            debounce_ms?: number;
            /**
             * Format: date-time
             * @description The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.
             */
            start_at?: string;
            /** @description How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`. */
            delay_ms?: number;
        };
        ShellSpec: {
            /**
             * @description A command line for a shell. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "shell";
            /** @description The command line; the shell gets it with `-c`. */
            command: string;
            /** @description A path, or a name on the PATH. Default: bash. */
            shell?: string;
            cwd?: components["schemas"]["WorkingDirectory"];
            env?: components["schemas"]["Environment"];
            stdin?: components["schemas"]["Stdin"];
            tty?: components["schemas"]["TerminalSize"];
            files?: components["schemas"]["Files"];
            artifacts?: components["schemas"]["Artifacts"];
            progress?: components["schemas"]["Progress"];
            /**
             * @description The least isolation of its process. Default, and never less: as the policy has it.
             * @enum {string}
             */
            isolation?: "none" | "supervised" | "uid" | "sandbox";
            network?: components["schemas"]["Network"];
            /** @description Name of a root directory of this server (EXECUTION_ROOTS_FILE): it sees only the files of that directory. Implies `isolation: sandbox`. */
            root?: string;
            /** @description The niceness of its processes, as of nice(1): a higher number leaves more CPU time to others. Default: 0. */
            nice?: number;
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            webhook?: components["schemas"]["WebhookTarget"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Start after this wait, milliseconds, and replace an execution with the same `concurrency.key` that still waits for its start time. If many come quickly, only the last one runs. */
            debounce_ms?: number;
            /**
             * Format: date-time
             * @description The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.
             */
            start_at?: string;
            /** @description How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`. */
            delay_ms?: number;
        };
        ScriptSpec: {
            /**
             * @description A script, given as source or as a path. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "script";
            /** @description Absolute path of a script on the machine of the server. Give either `path` or `source`. */
            path?: string;
            /** @description The text of the script. */
            source?: string;
            /** @description Name of the file that holds the source. Default: an extension that fits the interpreter. */
            filename?: string;
            /** @description A path, or a name on the PATH. Default: the interpreter that the script names after `#!`. */
            interpreter?: string;
            args?: components["schemas"]["Arguments"];
            cwd?: components["schemas"]["WorkingDirectory"];
            env?: components["schemas"]["Environment"];
            stdin?: components["schemas"]["Stdin"];
            tty?: components["schemas"]["TerminalSize"];
            files?: components["schemas"]["Files"];
            artifacts?: components["schemas"]["Artifacts"];
            progress?: components["schemas"]["Progress"];
            /**
             * @description The least isolation of its process. Default, and never less: as the policy has it.
             * @enum {string}
             */
            isolation?: "none" | "supervised" | "uid" | "sandbox";
            network?: components["schemas"]["Network"];
            /** @description Name of a root directory of this server (EXECUTION_ROOTS_FILE): it sees only the files of that directory. Implies `isolation: sandbox`. */
            root?: string;
            /** @description The niceness of its processes, as of nice(1): a higher number leaves more CPU time to others. Default: 0. */
            nice?: number;
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            webhook?: components["schemas"]["WebhookTarget"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Start after this wait, milliseconds, and replace an execution with the same `concurrency.key` that still waits for its start time. If many come quickly, only the last one runs. */
            debounce_ms?: number;
            /**
             * Format: date-time
             * @description The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.
             */
            start_at?: string;
            /** @description How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`. */
            delay_ms?: number;
        };
        AwsCliSpec: {
            /**
             * @description A call of the AWS CLI. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "aws_cli";
            /** @description For example `s3api`. */
            service: string;
            /** @description For example `list-buckets`. */
            operation: string;
            args?: components["schemas"]["Arguments"];
            /** @description Profile of the AWS configuration. */
            profile?: string;
            /** @description AWS region. */
            region?: string;
            cwd?: components["schemas"]["WorkingDirectory"];
            env?: components["schemas"]["Environment"];
            stdin?: components["schemas"]["Stdin"];
            tty?: components["schemas"]["TerminalSize"];
            files?: components["schemas"]["Files"];
            artifacts?: components["schemas"]["Artifacts"];
            progress?: components["schemas"]["Progress"];
            /**
             * @description The least isolation of its process. Default, and never less: as the policy has it.
             * @enum {string}
             */
            isolation?: "none" | "supervised" | "uid" | "sandbox";
            network?: components["schemas"]["Network"];
            /** @description Name of a root directory of this server (EXECUTION_ROOTS_FILE): it sees only the files of that directory. Implies `isolation: sandbox`. */
            root?: string;
            /** @description The niceness of its processes, as of nice(1): a higher number leaves more CPU time to others. Default: 0. */
            nice?: number;
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            webhook?: components["schemas"]["WebhookTarget"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Start after this wait, milliseconds, and replace an execution with the same `concurrency.key` that still waits for its start time. If many come quickly, only the last one runs. */
            debounce_ms?: number;
            /**
             * Format: date-time
             * @description The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.
             */
            start_at?: string;
            /** @description How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`. */
            delay_ms?: number;
        };
        HttpSpec: {
            /**
             * @description An HTTP call. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "http";
            /**
             * @description Default: GET.
             * @enum {string}
             */
            method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
            /** @description An absolute http or https URL. */
            url: string;
            headers?: components["schemas"]["HttpHeaders"];
            /** @description Query parameters that are added to the URL. A list repeats the parameter. */
            query?: components["schemas"]["HttpQuery"];
            /** @description Request body. `json` and `text` set content-type unless `headers` does. */
            body?: components["schemas"]["HttpBody"];
            /** @description Which statuses are a success. Default: 2xx. */
            expect?: components["schemas"]["HttpExpect"];
            /** @description Most redirects to follow. Default: 5. */
            max_redirects?: number;
            /** @description Other hosts that redirects may lead to. Default: `any`; for an operation, none. Listed hosts get the body and all headers except credentials. */
            redirect_hosts?: "any" | string[];
            /** @description TLS options. */
            tls?: components["schemas"]["HttpTls"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            webhook?: components["schemas"]["WebhookTarget"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Start after this wait, milliseconds, and replace an execution with the same `concurrency.key` that still waits for its start time. If many come quickly, only the last one runs. */
            debounce_ms?: number;
            /**
             * Format: date-time
             * @description The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.
             */
            start_at?: string;
            /** @description How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`. */
            delay_ms?: number;
        };
        OperationSpec: {
            /**
             * @description A named operation of this server. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "operation";
            /** @description Name of the operation; see GET /v1/operations. */
            name: string;
            /** @description Its parameters. */
            params?: {
                [key: string]: unknown;
            };
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            webhook?: components["schemas"]["WebhookTarget"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Start after this wait, milliseconds, and replace an execution with the same `concurrency.key` that still waits for its start time. If many come quickly, only the last one runs. */
            debounce_ms?: number;
            /**
             * Format: date-time
             * @description The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.
             */
            start_at?: string;
            /** @description How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`. */
            delay_ms?: number;
        };
        RunRequest: components["schemas"]["ExecRunRequest"] | components["schemas"]["ShellRunRequest"] | components["schemas"]["ScriptRunRequest"] | components["schemas"]["AwsCliRunRequest"] | components["schemas"]["HttpRunRequest"] | components["schemas"]["OperationRunRequest"];
        ExecRunRequest: {
            /**
             * @description A program, without a shell. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "exec";
            /** @description A path, or a name on the PATH. */
            program: string;
            args?: components["schemas"]["Arguments"];
            cwd?: components["schemas"]["WorkingDirectory"];
            env?: components["schemas"]["Environment"];
            stdin?: components["schemas"]["Stdin"];
            tty?: components["schemas"]["TerminalSize"];
            files?: components["schemas"]["Files"];
            artifacts?: components["schemas"]["Artifacts"];
            progress?: components["schemas"]["Progress"];
            /**
             * @description The least isolation of its process. Default, and never less: as the policy has it.
             * @enum {string}
             */
            isolation?: "none" | "supervised" | "uid" | "sandbox";
            network?: components["schemas"]["Network"];
            /** @description Name of a root directory of this server (EXECUTION_ROOTS_FILE): it sees only the files of that directory. Implies `isolation: sandbox`. */
            root?: string;
            /** @description The niceness of its processes, as of nice(1): a higher number leaves more CPU time to others. Default: 0. */
            nice?: number;
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            webhook?: components["schemas"]["WebhookTarget"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Start after this wait, milliseconds, and replace an execution with the same `concurrency.key` that still waits for its start time. If many come quickly, only the last one runs. */
            debounce_ms?: number;
            /**
             * Format: date-time
             * @description The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.
             */
            start_at?: string;
            /** @description How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`. */
            delay_ms?: number;
            /**
             * @description If the client disconnects before the end. `cancel`: execd cancels the execution. `continue` (default): it continues, and its log can be read.
             * @enum {string}
             */
            on_disconnect?: "cancel" | "continue";
        };
        ShellRunRequest: {
            /**
             * @description A command line for a shell. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "shell";
            /** @description The command line; the shell gets it with `-c`. */
            command: string;
            /** @description A path, or a name on the PATH. Default: bash. */
            shell?: string;
            cwd?: components["schemas"]["WorkingDirectory"];
            env?: components["schemas"]["Environment"];
            stdin?: components["schemas"]["Stdin"];
            tty?: components["schemas"]["TerminalSize"];
            files?: components["schemas"]["Files"];
            artifacts?: components["schemas"]["Artifacts"];
            progress?: components["schemas"]["Progress"];
            /**
             * @description The least isolation of its process. Default, and never less: as the policy has it.
             * @enum {string}
             */
            isolation?: "none" | "supervised" | "uid" | "sandbox";
            network?: components["schemas"]["Network"];
            /** @description Name of a root directory of this server (EXECUTION_ROOTS_FILE): it sees only the files of that directory. Implies `isolation: sandbox`. */
            root?: string;
            /** @description The niceness of its processes, as of nice(1): a higher number leaves more CPU time to others. Default: 0. */
            nice?: number;
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            webhook?: components["schemas"]["WebhookTarget"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Start after this wait, milliseconds, and replace an execution with the same `concurrency.key` that still waits for its start time. If many come quickly, only the last one runs. */
            debounce_ms?: number;
            /**
             * Format: date-time
             * @description The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.
             */
            start_at?: string;
            /** @description How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`. */
            delay_ms?: number;
            /**
             * @description If the client disconnects before the end. `cancel`: execd cancels the execution. `continue` (default): it continues, and its log can be read.
             * @enum {string}
             */
            on_disconnect?: "cancel" | "continue";
        };
        ScriptRunRequest: {
            /**
             * @description A script, given as source or as a path. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "script";
            /** @description Absolute path of a script on the machine of the server. Give either `path` or `source`. */
            path?: string;
            /** @description The text of the script. */
            source?: string;
            /** @description Name of the file that holds the source. Default: an extension that fits the interpreter. */
            filename?: string;
            /** @description A path, or a name on the PATH. Default: the interpreter that the script names after `#!`. */
            interpreter?: string;
            args?: components["schemas"]["Arguments"];
            cwd?: components["schemas"]["WorkingDirectory"];
            env?: components["schemas"]["Environment"];
            stdin?: components["schemas"]["Stdin"];
            tty?: components["schemas"]["TerminalSize"];
            files?: components["schemas"]["Files"];
            artifacts?: components["schemas"]["Artifacts"];
            progress?: components["schemas"]["Progress"];
            /**
             * @description The least isolation of its process. Default, and never less: as the policy has it.
             * @enum {string}
             */
            isolation?: "none" | "supervised" | "uid" | "sandbox";
            network?: components["schemas"]["Network"];
            /** @description Name of a root directory of this server (EXECUTION_ROOTS_FILE): it sees only the files of that directory. Implies `isolation: sandbox`. */
            root?: string;
            /** @description The niceness of its processes, as of nice(1): a higher number leaves more CPU time to others. Default: 0. */
            nice?: number;
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            webhook?: components["schemas"]["WebhookTarget"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Start after this wait, milliseconds, and replace an execution with the same `concurrency.key` that still waits for its start time. If many come quickly, only the last one runs. */
            debounce_ms?: number;
            /**
             * Format: date-time
             * @description The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.
             */
            start_at?: string;
            /** @description How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`. */
            delay_ms?: number;
            /**
             * @description If the client disconnects before the end. `cancel`: execd cancels the execution. `continue` (default): it continues, and its log can be read.
             * @enum {string}
             */
            on_disconnect?: "cancel" | "continue";
        };
        AwsCliRunRequest: {
            /**
             * @description A call of the AWS CLI. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "aws_cli";
            /** @description For example `s3api`. */
            service: string;
            /** @description For example `list-buckets`. */
            operation: string;
            args?: components["schemas"]["Arguments"];
            /** @description Profile of the AWS configuration. */
            profile?: string;
            /** @description AWS region. */
            region?: string;
            cwd?: components["schemas"]["WorkingDirectory"];
            env?: components["schemas"]["Environment"];
            stdin?: components["schemas"]["Stdin"];
            tty?: components["schemas"]["TerminalSize"];
            files?: components["schemas"]["Files"];
            artifacts?: components["schemas"]["Artifacts"];
            progress?: components["schemas"]["Progress"];
            /**
             * @description The least isolation of its process. Default, and never less: as the policy has it.
             * @enum {string}
             */
            isolation?: "none" | "supervised" | "uid" | "sandbox";
            network?: components["schemas"]["Network"];
            /** @description Name of a root directory of this server (EXECUTION_ROOTS_FILE): it sees only the files of that directory. Implies `isolation: sandbox`. */
            root?: string;
            /** @description The niceness of its processes, as of nice(1): a higher number leaves more CPU time to others. Default: 0. */
            nice?: number;
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            webhook?: components["schemas"]["WebhookTarget"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Start after this wait, milliseconds, and replace an execution with the same `concurrency.key` that still waits for its start time. If many come quickly, only the last one runs. */
            debounce_ms?: number;
            /**
             * Format: date-time
             * @description The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.
             */
            start_at?: string;
            /** @description How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`. */
            delay_ms?: number;
            /**
             * @description If the client disconnects before the end. `cancel`: execd cancels the execution. `continue` (default): it continues, and its log can be read.
             * @enum {string}
             */
            on_disconnect?: "cancel" | "continue";
        };
        HttpRunRequest: {
            /**
             * @description An HTTP call. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "http";
            /**
             * @description Default: GET.
             * @enum {string}
             */
            method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
            /** @description An absolute http or https URL. */
            url: string;
            headers?: components["schemas"]["HttpHeaders"];
            /** @description Query parameters that are added to the URL. A list repeats the parameter. */
            query?: components["schemas"]["HttpQuery"];
            /** @description Request body. `json` and `text` set content-type unless `headers` does. */
            body?: components["schemas"]["HttpBody"];
            /** @description Which statuses are a success. Default: 2xx. */
            expect?: components["schemas"]["HttpExpect"];
            /** @description Most redirects to follow. Default: 5. */
            max_redirects?: number;
            /** @description Other hosts that redirects may lead to. Default: `any`; for an operation, none. Listed hosts get the body and all headers except credentials. */
            redirect_hosts?: "any" | string[];
            /** @description TLS options. */
            tls?: components["schemas"]["HttpTls"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            webhook?: components["schemas"]["WebhookTarget"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Start after this wait, milliseconds, and replace an execution with the same `concurrency.key` that still waits for its start time. If many come quickly, only the last one runs. */
            debounce_ms?: number;
            /**
             * Format: date-time
             * @description The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.
             */
            start_at?: string;
            /** @description How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`. */
            delay_ms?: number;
            /**
             * @description If the client disconnects before the end. `cancel`: execd cancels the execution. `continue` (default): it continues, and its log can be read.
             * @enum {string}
             */
            on_disconnect?: "cancel" | "continue";
        };
        OperationRunRequest: {
            /**
             * @description A named operation of this server. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "operation";
            /** @description Name of the operation; see GET /v1/operations. */
            name: string;
            /** @description Its parameters. */
            params?: {
                [key: string]: unknown;
            };
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            webhook?: components["schemas"]["WebhookTarget"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Start after this wait, milliseconds, and replace an execution with the same `concurrency.key` that still waits for its start time. If many come quickly, only the last one runs. */
            debounce_ms?: number;
            /**
             * Format: date-time
             * @description The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.
             */
            start_at?: string;
            /** @description How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`. */
            delay_ms?: number;
            /**
             * @description If the client disconnects before the end. `cancel`: execd cancels the execution. `continue` (default): it continues, and its log can be read.
             * @enum {string}
             */
            on_disconnect?: "cancel" | "continue";
        };
        BatchRequest: {
            /** @description 1 to 1,000 specs, each with an idempotency_key of its own if you want one. */
            executions: components["schemas"]["BatchItem"][];
        };
        BatchItem: components["schemas"]["ExecBatchItem"] | components["schemas"]["ShellBatchItem"] | components["schemas"]["ScriptBatchItem"] | components["schemas"]["AwsCliBatchItem"] | components["schemas"]["HttpBatchItem"] | components["schemas"]["OperationBatchItem"];
        ExecBatchItem: {
            /**
             * @description A program, without a shell. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "exec";
            /** @description A path, or a name on the PATH. */
            program: string;
            args?: components["schemas"]["Arguments"];
            cwd?: components["schemas"]["WorkingDirectory"];
            env?: components["schemas"]["Environment"];
            stdin?: components["schemas"]["Stdin"];
            tty?: components["schemas"]["TerminalSize"];
            files?: components["schemas"]["Files"];
            artifacts?: components["schemas"]["Artifacts"];
            progress?: components["schemas"]["Progress"];
            /**
             * @description The least isolation of its process. Default, and never less: as the policy has it.
             * @enum {string}
             */
            isolation?: "none" | "supervised" | "uid" | "sandbox";
            network?: components["schemas"]["Network"];
            /** @description Name of a root directory of this server (EXECUTION_ROOTS_FILE): it sees only the files of that directory. Implies `isolation: sandbox`. */
            root?: string;
            /** @description The niceness of its processes, as of nice(1): a higher number leaves more CPU time to others. Default: 0. */
            nice?: number;
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            webhook?: components["schemas"]["WebhookTarget"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Start after this wait, milliseconds, and replace an execution with the same `concurrency.key` that still waits for its start time. If many come quickly, only the last one runs. */
            debounce_ms?: number;
            /**
             * Format: date-time
             * @description The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.
             */
            start_at?: string;
            /** @description How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`. */
            delay_ms?: number;
            /** @description The same key with the same spec is the same execution, for 24 hours. */
            idempotency_key?: string;
        };
        ShellBatchItem: {
            /**
             * @description A command line for a shell. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "shell";
            /** @description The command line; the shell gets it with `-c`. */
            command: string;
            /** @description A path, or a name on the PATH. Default: bash. */
            shell?: string;
            cwd?: components["schemas"]["WorkingDirectory"];
            env?: components["schemas"]["Environment"];
            stdin?: components["schemas"]["Stdin"];
            tty?: components["schemas"]["TerminalSize"];
            files?: components["schemas"]["Files"];
            artifacts?: components["schemas"]["Artifacts"];
            progress?: components["schemas"]["Progress"];
            /**
             * @description The least isolation of its process. Default, and never less: as the policy has it.
             * @enum {string}
             */
            isolation?: "none" | "supervised" | "uid" | "sandbox";
            network?: components["schemas"]["Network"];
            /** @description Name of a root directory of this server (EXECUTION_ROOTS_FILE): it sees only the files of that directory. Implies `isolation: sandbox`. */
            root?: string;
            /** @description The niceness of its processes, as of nice(1): a higher number leaves more CPU time to others. Default: 0. */
            nice?: number;
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            webhook?: components["schemas"]["WebhookTarget"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Start after this wait, milliseconds, and replace an execution with the same `concurrency.key` that still waits for its start time. If many come quickly, only the last one runs. */
            debounce_ms?: number;
            /**
             * Format: date-time
             * @description The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.
             */
            start_at?: string;
            /** @description How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`. */
            delay_ms?: number;
            /** @description The same key with the same spec is the same execution, for 24 hours. */
            idempotency_key?: string;
        };
        ScriptBatchItem: {
            /**
             * @description A script, given as source or as a path. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "script";
            /** @description Absolute path of a script on the machine of the server. Give either `path` or `source`. */
            path?: string;
            /** @description The text of the script. */
            source?: string;
            /** @description Name of the file that holds the source. Default: an extension that fits the interpreter. */
            filename?: string;
            /** @description A path, or a name on the PATH. Default: the interpreter that the script names after `#!`. */
            interpreter?: string;
            args?: components["schemas"]["Arguments"];
            cwd?: components["schemas"]["WorkingDirectory"];
            env?: components["schemas"]["Environment"];
            stdin?: components["schemas"]["Stdin"];
            tty?: components["schemas"]["TerminalSize"];
            files?: components["schemas"]["Files"];
            artifacts?: components["schemas"]["Artifacts"];
            progress?: components["schemas"]["Progress"];
            /**
             * @description The least isolation of its process. Default, and never less: as the policy has it.
             * @enum {string}
             */
            isolation?: "none" | "supervised" | "uid" | "sandbox";
            network?: components["schemas"]["Network"];
            /** @description Name of a root directory of this server (EXECUTION_ROOTS_FILE): it sees only the files of that directory. Implies `isolation: sandbox`. */
            root?: string;
            /** @description The niceness of its processes, as of nice(1): a higher number leaves more CPU time to others. Default: 0. */
            nice?: number;
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            webhook?: components["schemas"]["WebhookTarget"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Start after this wait, milliseconds, and replace an execution with the same `concurrency.key` that still waits for its start time. If many come quickly, only the last one runs. */
            debounce_ms?: number;
            /**
             * Format: date-time
             * @description The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.
             */
            start_at?: string;
            /** @description How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`. */
            delay_ms?: number;
            /** @description The same key with the same spec is the same execution, for 24 hours. */
            idempotency_key?: string;
        };
        AwsCliBatchItem: {
            /**
             * @description A call of the AWS CLI. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "aws_cli";
            /** @description For example `s3api`. */
            service: string;
            /** @description For example `list-buckets`. */
            operation: string;
            args?: components["schemas"]["Arguments"];
            /** @description Profile of the AWS configuration. */
            profile?: string;
            /** @description AWS region. */
            region?: string;
            cwd?: components["schemas"]["WorkingDirectory"];
            env?: components["schemas"]["Environment"];
            stdin?: components["schemas"]["Stdin"];
            tty?: components["schemas"]["TerminalSize"];
            files?: components["schemas"]["Files"];
            artifacts?: components["schemas"]["Artifacts"];
            progress?: components["schemas"]["Progress"];
            /**
             * @description The least isolation of its process. Default, and never less: as the policy has it.
             * @enum {string}
             */
            isolation?: "none" | "supervised" | "uid" | "sandbox";
            network?: components["schemas"]["Network"];
            /** @description Name of a root directory of this server (EXECUTION_ROOTS_FILE): it sees only the files of that directory. Implies `isolation: sandbox`. */
            root?: string;
            /** @description The niceness of its processes, as of nice(1): a higher number leaves more CPU time to others. Default: 0. */
            nice?: number;
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            webhook?: components["schemas"]["WebhookTarget"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Start after this wait, milliseconds, and replace an execution with the same `concurrency.key` that still waits for its start time. If many come quickly, only the last one runs. */
            debounce_ms?: number;
            /**
             * Format: date-time
             * @description The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.
             */
            start_at?: string;
            /** @description How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`. */
            delay_ms?: number;
            /** @description The same key with the same spec is the same execution, for 24 hours. */
            idempotency_key?: string;
        };
        HttpBatchItem: {
            /**
             * @description An HTTP call. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "http";
            /**
             * @description Default: GET.
             * @enum {string}
             */
            method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
            /** @description An absolute http or https URL. */
            url: string;
            headers?: components["schemas"]["HttpHeaders"];
            /** @description Query parameters that are added to the URL. A list repeats the parameter. */
            query?: components["schemas"]["HttpQuery"];
            /** @description Request body. `json` and `text` set content-type unless `headers` does. */
            body?: components["schemas"]["HttpBody"];
            /** @description Which statuses are a success. Default: 2xx. */
            expect?: components["schemas"]["HttpExpect"];
            /** @description Most redirects to follow. Default: 5. */
            max_redirects?: number;
            /** @description Other hosts that redirects may lead to. Default: `any`; for an operation, none. Listed hosts get the body and all headers except credentials. */
            redirect_hosts?: "any" | string[];
            /** @description TLS options. */
            tls?: components["schemas"]["HttpTls"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            webhook?: components["schemas"]["WebhookTarget"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Start after this wait, milliseconds, and replace an execution with the same `concurrency.key` that still waits for its start time. If many come quickly, only the last one runs. */
            debounce_ms?: number;
            /**
             * Format: date-time
             * @description The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.
             */
            start_at?: string;
            /** @description How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`. */
            delay_ms?: number;
            /** @description The same key with the same spec is the same execution, for 24 hours. */
            idempotency_key?: string;
        };
        OperationBatchItem: {
            /**
             * @description A named operation of this server. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "operation";
            /** @description Name of the operation; see GET /v1/operations. */
            name: string;
            /** @description Its parameters. */
            params?: {
                [key: string]: unknown;
            };
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            webhook?: components["schemas"]["WebhookTarget"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Start after this wait, milliseconds, and replace an execution with the same `concurrency.key` that still waits for its start time. If many come quickly, only the last one runs. */
            debounce_ms?: number;
            /**
             * Format: date-time
             * @description The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.
             */
            start_at?: string;
            /** @description How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`. */
            delay_ms?: number;
            /** @description The same key with the same spec is the same execution, for 24 hours. */
            idempotency_key?: string;
        };
        /** @description Time limits. */
        Timeouts: {
            /** @description Longest wait for a slot, milliseconds. Default: no limit, unless the operator sets one. */
            queue_ms?: number;
            /** @description Longest attempt, from start to end, milliseconds. Default: EXECUTION_DEFAULT_TIMEOUT. */
            attempt_ms?: number;
            /** @description Longest time from submission to end, with all retries, milliseconds. Default: no limit. */
            total_ms?: number;
            /** @description Longest time without output, milliseconds. Default: no limit. */
            idle_ms?: number;
        };
        /** @description The part of the output that execd keeps. */
        OutputOptions: {
            /** @description Most bytes of output that the log keeps, both streams together. Default: EXECUTION_MAX_OUTPUT_BYTES. */
            max_bytes?: number;
            /**
             * @description The effect if the output exceeds max_bytes. `truncate`: drop the rest. `fail`: stop the attempt. `spool`: keep it, up to EXECUTION_SPOOL_MAX_BYTES.
             * @enum {string}
             */
            oversized?: "truncate" | "fail" | "spool";
            /** @description How much the result holds: the last bytes of each stream, or the first bytes of the body of an HTTP response. Default: EXECUTION_RESULT_BYTES. */
            result_bytes?: number;
            /**
             * @description Parse standard output, or the body of the HTTP response, as JSON; it becomes the result.
             * @constant
             */
            parse?: "json";
        };
        /** @description Limits of the processes. */
        ResourceLimits: {
            /** @description Most CPU time of all processes together, seconds. */
            cpu_s?: number;
            /** @description Most memory of all processes together, bytes. */
            memory_bytes?: number;
            /** @description Most processes at a time. */
            processes?: number;
            /** @description Largest file that a process may write, bytes. */
            file_bytes?: number;
            /** @description Most open files of each process. */
            open_files?: number;
            /** @description Most bytes in the private directory. */
            disk_bytes?: number;
        };
        /** @description How execd ends the processes. */
        StopOptions: {
            /**
             * @description The first signal to the processes, before SIGKILL. Default: SIGTERM.
             * @enum {string}
             */
            signal?: "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGQUIT" | "SIGUSR1" | "SIGUSR2";
            /** @description Time between this signal and SIGKILL, milliseconds. Default: EXECUTION_KILL_GRACE_MS. */
            grace_ms?: number;
            /**
             * @description `all` (default): every process gets the signal at once. `main`: the first process gets it, and the others when the first has ended.
             * @enum {string}
             */
            scope?: "all" | "main";
        };
        /** @description A group of your choice. You can list and cancel by it. */
        TaskId: string;
        /** @description Higher runs earlier. Default: 0. */
        Priority: number;
        /** @description Only servers of this pool (EXECUTION_POOL) start it; see `GET /v1/runners`. Default: `default`. */
        Pool: string;
        /**
         * @description If no slot is free. `queue`: wait. `reject`: respond with 429. Default: EXECUTION_ON_LIMIT.
         * @enum {string}
         */
        OnLimit: "queue" | "reject";
        /** @description Whether execd may retry an attempt that was interrupted, for example by a crash. Default: false. */
        RetrySafe: boolean;
        /** @description Working directory, an absolute path. Default: a private directory, which execd removes at the end. */
        WorkingDirectory: string;
        /** @description Environment, in addition to PATH, HOME, TMPDIR, LANG, TERM, SHELL, USER, LOGNAME, TRACEPARENT, EXECUTION_ID and EXECUTION_ATTEMPT. A value may be a secret: `{"secret": "NAME"}`. */
        Environment: {
            [key: string]: string | components["schemas"]["SecretRef"];
        };
        /** @description Standard input: a text, `{"base64": …}`, or `{"open": true}` to send it later. Default: empty. */
        Stdin: string | {
            /**
             * Format: base64
             * @description Bytes.
             */
            base64: string;
        } | {
            /**
             * @description It stays open: send it with `POST /v1/executions/{id}/stdin`.
             * @constant
             */
            open: true;
        };
        /** @description Gives the command a terminal of this size as standard input, output and error. Output is then all in `stdout`, and input stays open. Requires the native runner host. */
        TerminalSize: {
            /** @description Characters in a line. */
            cols: number;
            /** @description Lines. */
            rows: number;
        };
        /** @description Files that execd places in the private directory before the start. */
        Files: {
            /** @description The place of the file: a path below the private directory. */
            path: string;
            /** @description The content, as text. */
            content?: string;
            /**
             * Format: base64
             * @description The content, as bytes in base64.
             */
            base64?: string;
            /** @description Id of a finished upload. */
            upload?: string;
            /** @description An artifact of an execution of yours. */
            artifact?: {
                /** @description The execution that has the artifact. */
                execution: string;
                /** @description Path of the artifact. */
                path: string;
            };
            /** @description Permissions, octal. Default: `0644`. */
            mode?: string;
        }[];
        /** @description Files that execd keeps after the end: paths below the private directory, with `*`, `**`, `?` and `[…]`. A directory includes everything in it. */
        Artifacts: string[];
        /** @description How the command reports progress. `json`: lines such as `{"percent": 40, "message": "…", "metrics": {"rows": 7}}` among its output. `fd`: such lines on the descriptor that `EXECUTION_PROGRESS_FD` names, apart from its output. `{"pattern": …}`: lines of its output that match. The last such line is `progress` of the execution while it runs. */
        Progress: ("json" | "fd") | {
            /** @description RE2 with a group `percent`, a group `message`, or both. */
            pattern: string;
        };
        /** @description The network of its sandbox: none, that of the server, or listed hosts; at most what the policy allows. Requires `isolation: sandbox` or `root`. */
        Network: boolean | {
            /** @description Hosts that it may reach through the proxy in HTTP_PROXY and HTTPS_PROXY: `name`, `*.name`, `name:port`. Without a port: 80 and 443. */
            allow: string[];
        };
        /** @description Names and values of your choice. You can list and cancel by them. */
        Labels: {
            [key: string]: string;
        };
        /** @description When execd reports the execution as late or stuck: an event, webhooks, and, if you want it, a cancel. */
        Monitor: {
            /** @description Adds the event `late_start` if no attempt has started this long after the acceptance or the start time, milliseconds. Default: off. */
            late_start_ms?: number;
            /** @description Adds the event `late` if it has not ended this long after the acceptance or the start time, milliseconds. Default: off. */
            late_ms?: number;
            /** @description Adds the event `stuck` if an attempt runs and shows no output and no progress for this time, milliseconds. Default: off. */
            stuck_ms?: number;
            /** @description Whether execd cancels the execution with the first of these events. Default: false. */
            cancel?: boolean;
        };
        /** @description When and how execd retries failed attempts. Default: one attempt. */
        Retry: {
            /** @description Attempts in total. Default: 3. */
            attempts?: number;
            /** @description Wait after the first attempt, seconds; it doubles with each attempt. Default: 1. */
            multiplier?: number;
            /** @description Shortest wait, milliseconds. Default: 1000. */
            min_ms?: number;
            /** @description Longest wait, milliseconds. Default: 10000. */
            max_ms?: number;
            /** @description Random part of the wait, 0 to 1. Default: 0.5. */
            jitter?: number;
            /** @description Retry only these ends. Default: non-zero exit codes, signals, attempt and idle timeouts, system faults, HTTP 408, 429 and 5xx. */
            retry_on?: components["schemas"]["RetryOn"];
        };
        RetryOn: {
            /** @description Values of `outcome.cause`. */
            causes?: ("exited" | "signalled" | "http_response" | "steps_ended" | "evaluation_failed" | "step_refused" | "request_failed" | "spawn_failed" | "attempt_timeout" | "idle_timeout" | "output_limit" | "resource_limit" | "dependency_failed" | "lost" | "internal" | "imported")[];
            /** @description Exit codes of commands. */
            exit_codes?: number[];
            /** @description Statuses of HTTP responses. */
            http_statuses?: number[];
            /** @description Values of `error.fault`. */
            faults?: ("user" | "system")[];
        };
        /** @description Whether, and how, execd reuses results of the same work. Default: no cache. */
        CacheOptions: {
            /**
             * @description `read_write` (default): use and store results. `read`: store nothing. `write`: look up nothing. `refresh`: run again and replace the stored result. `bypass`: no cache.
             * @enum {string}
             */
            mode?: "read_write" | "read" | "write" | "refresh" | "bypass";
            /** @description How long execd keeps the result, seconds. 0 keeps it until it is evicted. */
            ttl_s?: number;
            /**
             * @description The users who share the result. Default: `task` if task_id is given, else `user`.
             * @enum {string}
             */
            scope?: "task" | "user" | "global";
            /** @description Fields to leave out of the cache key, for example `env.BUILD_ID`. */
            key_exclude?: string[];
            /** @description Part of the cache key. Change it to get a new result. */
            salt?: string;
        };
        /** @description Limits how many executions with the same key run at a time. */
        ConcurrencyOptions: {
            /** @description A name of your choice. Your executions with the same key share the limit. */
            key: string;
            /** @description Most of them that run at a time. Default: 1. */
            limit?: number;
            /**
             * @description The effect if as many run. `queue` (default): wait. `reject`: respond with 429. `cancel_running`: cancel the oldest that run. `replace_queued`: cancel those that wait, whether or not as many run, and wait in their place.
             * @enum {string}
             */
            on_conflict?: "queue" | "reject" | "cancel_running" | "replace_queued";
            /** @description How many with the same key are accepted in a time; execd rejects more with 429. Default: no limit. */
            rate?: {
                /** @description Most executions that are accepted in `per_ms`. */
                limit: number;
                /** @description Length of the window, milliseconds: 100 ms to a day. */
                per_ms: number;
            };
        };
        /** @description A webhook for one execution or plan: execd sends its events to a URL, signed as Standard Webhooks specifies. */
        WebhookTarget: {
            /** @description Receiver: an http or https URL, or `mailto:` and up to 10 addresses with commas between them. */
            url: string;
            /** @description Events to send. Default: completed, failed, cancelled, timed_out. */
            events?: ("accepted" | "queued" | "awaiting" | "started" | "retry_scheduled" | "late_start" | "late" | "stuck" | "status_changed" | "completed" | "failed" | "cancelled" | "timed_out" | "lost" | "skipped")[];
            /** @description Include the result in the last event, as `result`. Default: false. */
            result?: boolean;
            /** @description CEL over `event`, `failures` and `previous`: if it is false, execd does not send the event. Default: execd sends each event. */
            when?: string;
            /** @description The message in place of a CloudEvent: a ready one for Slack, Discord or Teams, or one of your own. */
            template?: ("slack" | "discord" | "teams") | {
                /** @description Default: text/plain for a text, else application/json. For mail: text/plain or text/html. */
                content_type?: string;
                /** @description Further headers. A value may be a secret: `{"secret": "NAME", "prefix": "Bearer "}`. */
                headers?: components["schemas"]["HttpHeaders"];
                /** @description For mail: CEL of the same; the subject, a text. Default: the text of the ready message. */
                subject?: string;
                /** @description CEL over `event`, `failures` and `previous`: the body. execd sends a text unchanged, other values as JSON. */
                body: string;
            };
            /** @description Signs the messages. Default: execd creates one and returns it once, in the response. */
            secret?: string;
        };
        /** @description A secret, which execd fills in when the command starts or the call is made. */
        SecretRef: {
            /** @description Name of a secret of the server. */
            secret: string;
        };
        /** @description Arguments. */
        Arguments: string[];
        /** @description Request headers. A value may be a secret: `{"secret": "NAME", "prefix": "Bearer "}`. */
        HttpHeaders: {
            [key: string]: string | {
                /** @description Name of a secret of the server. */
                secret: string;
                /** @description A text before the secret, for example `Bearer `. */
                prefix?: string;
            };
        };
        HttpQuery: {
            [key: string]: string | string[];
        };
        HttpBody: {
            /** @description Any JSON value; sent as application/json. */
            json: unknown;
        } | {
            /** @description Sent as text/plain; charset=utf-8. */
            text: string;
        } | {
            /**
             * Format: base64
             * @description Bytes.
             */
            base64: string;
        };
        HttpExpect: {
            /** @description Statuses, or classes such as `2xx`. */
            statuses: (number | string)[];
        };
        HttpTls: {
            /** @description Certificates to trust in addition to those of the system, PEM. */
            ca?: string;
            /** @description Name to check the certificate for. Default: the host of the URL. */
            server_name?: string;
            /** @description Whether to check the certificate. Default: true. */
            verify?: boolean;
        };
        PatchRequest: {
            /** @description The new priority. */
            priority?: number;
            /** @description New time limits. They can only be extended. */
            timeouts?: components["schemas"]["Timeouts"];
        };
        /** @description How to cancel. */
        CancelRequest: {
            /** @description Why; the execution shows it. */
            reason?: string;
            /** @description Time until SIGKILL, milliseconds. Default: stop.grace_ms of the execution. A later cancel can shorten it. */
            grace_ms?: number;
        };
        /** @description Which executions to cancel. Only executions that match all filters are cancelled. */
        BulkCancelRequest: {
            /**
             * @description All live executions.
             * @constant
             */
            all?: true;
            /** @description Only these statuses. */
            status?: ("pending" | "running")[];
            /** @description Only these kinds. */
            kind?: ("exec" | "shell" | "script" | "aws_cli" | "http" | "operation" | "wait" | "plan")[];
            /** @description Only this task_id. */
            task_id?: string;
            /** @description Only executions that have all of these labels. */
            labels?: {
                [key: string]: string;
            };
            /**
             * Format: date-time
             * @description Only if accepted at or after this time.
             */
            created_after?: string;
            /**
             * Format: date-time
             * @description Only if accepted before this time.
             */
            created_before?: string;
            /** @description Why; the execution shows it. */
            reason?: string;
            /** @description Time until SIGKILL, milliseconds. Default: stop.grace_ms of the execution. A later cancel can shorten it. */
            grace_ms?: number;
        };
        /** @description The changes of the new run. */
        AgainRequest: {
            /** @description Parameters of the operation or the plan that change; the others stay. */
            params?: {
                [key: string]: unknown;
            };
        };
        /** @description The progress of a running command. */
        ExecutionProgress: {
            /** @description The progress, 0 to 100; null if it is unknown. */
            percent: number | null;
            /** @description The message of the last progress line; null if there is none. */
            message: string | null;
            /** @description Numbers that it reports. */
            metrics: {
                [key: string]: number;
            };
            /** @description When it will probably end: by earlier runs of the same operation, else by `percent`. Null if it is unknown. */
            estimated_end: string | null;
            /** @description With progress `fd`: lines that are not of the form for progress. */
            bad_lines: number;
            /** @description CPU time of its processes so far, milliseconds; null if it is not known here. */
            cpu_ms: number | null;
            /** @description Memory of its processes now, bytes; null if it is not known here. */
            memory_bytes: number | null;
        };
        WarmRequest: {
            /** @description Specs with a `cache` block, or operations that have one. */
            executions: components["schemas"]["Spec"][];
        };
        /** @description An execution: one accepted request to run something. */
        Execution: {
            /** @description Unique id, a UUID (version 7). */
            id: string;
            status: components["schemas"]["Status"];
            /**
             * @description Finer than the status. `done` is the last phase.
             * @enum {string}
             */
            phase: "scheduled" | "awaiting" | "queued" | "scheduled_retry" | "starting" | "running" | "canceling" | "finishing" | "done";
            /** @description Grows with each change of the stored execution. */
            revision: number;
            kind: components["schemas"]["Kind"];
            /** @description Name of the operation; null for other kinds. */
            operation: string | null;
            /** @description The request as submitted. */
            spec: {
                [key: string]: unknown;
            };
            /** @description The user of the execution. */
            user_id: string;
            /** @description The task_id of the request. */
            task_id: string | null;
            labels: components["schemas"]["LabelsShown"];
            /** @description Higher runs earlier. */
            priority: number;
            timeouts: components["schemas"]["EffectiveTimeouts"];
            monitor: components["schemas"]["EffectiveMonitor"];
            limits: components["schemas"]["EffectiveLimits"];
            /** @description How execd ends the processes; null if there are none. */
            stop: components["schemas"]["StopPolicy"] | null;
            /** @description Retries; null if it has one attempt only. */
            retry: {
                /** @description Attempts in total. */
                attempts: number;
                /** @description Attempts that have ended. */
                used: number;
                /** @description When the next attempt enters the queue. */
                next_at: string | null;
            } | null;
            /** @description How it uses the cache; null if it does not. */
            cache: components["schemas"]["CacheUse"] | null;
            /** @description Credits; null if it is free. */
            cost: components["schemas"]["Cost"] | null;
            /** @description For a step: the plan. */
            plan_id: string | null;
            /** @description For a step: its name. */
            step: string | null;
            /** @description The execution whose run produced the output. Differs from `id` for joined executions and cache hits. */
            run_id: string;
            /** @description For a rerun: the execution that it repeats. */
            rerun_of: string | null;
            schedule: components["schemas"]["StartedBySchedule"];
            /** @description For a redriven plan: the plan whose completed steps it keeps. */
            redrive_of: string | null;
            /** @description For a step that a redrive keeps: the execution that produced the result. */
            kept_from: string | null;
            /** @description All attempts, the first one first. */
            attempts: components["schemas"]["Attempt"][];
            /** @description How it ended; null until then. */
            outcome: components["schemas"]["Outcome"] | null;
            /** @description Why it did not complete; null if it has, or has not ended. */
            error: components["schemas"]["ExecutionError"] | null;
            /** @description Problems that the status does not show. */
            warnings: components["schemas"]["Warning"][];
            /** @description With `output.parse`: the parsed output. Otherwise for a command `{"stdout", "stderr", "stdout_bytes", "stderr_bytes", "stdout_truncated", "stderr_truncated"}`: the end of each stream, its size, and whether the text lacks some of it. For an HTTP call `{"status", "headers", "url", "body"}`. Null until the end. */
            result: unknown;
            output: components["schemas"]["Output"];
            /** @description The resources that the last attempt used; null until it has ended. */
            resources: components["schemas"]["Resources"] | null;
            /** @description Its progress; null unless it runs, and in lists. */
            progress: components["schemas"]["ExecutionProgress"] | null;
            /** @description Times in UTC. */
            timestamps: {
                /**
                 * Format: date-time
                 * @description When it was accepted.
                 */
                created: string;
                /** @description The requested start time, of `start_at` or `delay_ms`; null: as soon as possible. */
                start_at: string | null;
                /**
                 * Format: date-time
                 * @description When it last entered the queue.
                 */
                queued: string;
                /** @description When its last attempt started. */
                started: string | null;
                /** @description When it ended. */
                finished: string | null;
            };
            /** @description Time from the start of the first attempt to the end of the last one, milliseconds; null until the end, and if nothing was started. */
            duration_ms: number | null;
            /** @description Its place in the queue, and the reason; null if it does not wait. */
            queue: {
                /** @description Executions before it. */
                position: number | null;
                /**
                 * @description Why it waits.
                 * @enum {string}
                 */
                reason: "no_free_slot" | "no_runner" | "concurrency_limit" | "user_limit" | "shutting_down" | "joined" | "paused" | "signal" | "approval" | "time";
            } | null;
            cancel: components["schemas"]["Cancel"];
            /** @description The webhook of the request; null if it has none. The webhook has the id of the execution. */
            webhook: {
                /** @description The receiver. */
                url: string;
                /** @description Events to send. Default: completed, failed, cancelled, timed_out. */
                events: ("accepted" | "queued" | "awaiting" | "started" | "retry_scheduled" | "late_start" | "late" | "stuck" | "status_changed" | "completed" | "failed" | "cancelled" | "timed_out" | "lost" | "skipped")[];
                /** @description Include the result in the last event, as `result`. Default: false. */
                result: boolean;
                /** @description The condition of the request; null: execd sends each event. */
                when: string | null;
                /** @description The template of the request; null: execd sends events as CloudEvents. */
                template: (("slack" | "discord" | "teams") | {
                    /** @description Default: text/plain for a text, else application/json. For mail: text/plain or text/html. */
                    content_type?: string;
                    /** @description Further headers. A value may be a secret: `{"secret": "NAME", "prefix": "Bearer "}`. */
                    headers?: components["schemas"]["HttpHeaders"];
                    /** @description For mail: CEL of the same; the subject, a text. Default: the text of the ready message. */
                    subject?: string;
                    /** @description CEL over `event`, `failures` and `previous`: the body. execd sends a text unchanged, other values as JSON. */
                    body: string;
                }) | null;
                /** @description The secret that execd created. Only in the response to the submission. */
                secret?: string;
            } | null;
            /** @description W3C trace id. */
            trace_id: string;
            /** @description The weakest isolation that its attempts accept. */
            isolation: components["schemas"]["IsolationTier"];
            /** @description Version of the policy file that allowed it, if there is one; for an operation and the steps of one, `+` and the version of the operation. Null without both. */
            policy_version: string | null;
            /** @description The administrator who submitted it for its user. */
            submitted_by: string | null;
        };
        /** @description A page of executions. */
        ExecutionList: {
            /** @description Newest first. */
            items: components["schemas"]["Execution"][];
            next_cursor: components["schemas"]["NextCursor"];
        };
        /** @description The result of a batch. */
        BatchAnswer: {
            /** @description One for each item of the request, in order. */
            items: ({
                /** @description 202, or 200 if the execution has already finished. */
                status: number;
                execution: components["schemas"]["Execution"];
                /** @description Whether an earlier request with the same key created it. */
                replayed: boolean;
            } | {
                /** @description The status of the problem. */
                status: number;
                problem: components["schemas"]["Problem"];
            })[];
        };
        /** @description The result of an execution, in short. */
        StepResult: {
            /** @description Name of the step, or of the operation, or the kind. */
            step: string;
            /** @description The result; null until the end. */
            result: unknown;
            /** @description Whether the status is `completed`. */
            completed: boolean;
            /** @description The status, in words. */
            message: string;
            status: components["schemas"]["Status"];
            /** @description Code of the error; null if there is none. */
            error_code: components["schemas"]["ErrorCode"] | null;
            /** @description Message of the error; null if there is none. */
            error_message: string | null;
        };
        /** @description The counts of a bulk cancel. */
        BulkCancelAnswer: {
            /** @description Executions that ended at once. */
            cancelled: number;
            /** @description Executions that execd is stopping. */
            canceling: number;
        };
        /** @description The effect of a request now. execd stores nothing. */
        DryRun: {
            /**
             * @description Always true.
             * @constant
             */
            dry_run: true;
            /** @description Whether execd would accept the request now. */
            accepted: boolean;
            /** @description Why execd would reject it. */
            problem: components["schemas"]["Problem"] | null;
            /** @description How it would begin. `refused_by_circuit`: it would fail at once. */
            begins: ("hit" | "joined" | "running" | "queued" | "scheduled" | "refused_by_circuit") | null;
            kind: components["schemas"]["Kind"];
            /** @description Name of the operation; null for other kinds. */
            operation: string | null;
            /** @description The policy that would apply; null if the request is invalid. */
            policy: components["schemas"]["AppliedPolicy"] | null;
            /** @description How it would use the cache; null if it would not. */
            cache: components["schemas"]["CacheUse"] | null;
            /** @description Credits; null if it is free. */
            cost: {
                /** @description The most that it can cost, credits. */
                reserved: number;
                /** @description Credits that the account can reserve. */
                available: number;
            } | null;
        };
        /** @description The policy that applies after all defaults. */
        AppliedPolicy: {
            timeouts: components["schemas"]["EffectiveTimeouts"];
            monitor: components["schemas"]["EffectiveMonitor"];
            limits: components["schemas"]["EffectiveLimits"];
            /** @description How execd ends the processes; null if there are none. */
            stop: components["schemas"]["StopPolicy"] | null;
            /** @description Null: one attempt. */
            retry: {
                /** @description Attempts in total. */
                attempts: number;
                /** @description Wait after the first attempt, seconds. */
                multiplier: number;
                /** @description Shortest wait, milliseconds. */
                min_ms: number;
                /** @description Longest wait, milliseconds. */
                max_ms: number;
                /** @description Random part of the wait, 0 to 1. */
                jitter: number;
            } | null;
            /** @description Whether an interrupted attempt is retried. */
            retry_safe: boolean;
            /** @description The part of the output that execd keeps. */
            output: {
                /** @description Most bytes of output that the log keeps. */
                max_bytes: number;
                /**
                 * @description The effect of more output.
                 * @enum {string}
                 */
                oversized: "truncate" | "fail" | "spool";
                /** @description Most bytes of each stream that the result holds. */
                result_bytes: number;
                /** @description How the output is parsed. */
                parse: "json" | null;
            };
            /** @description Limit of the operation; null: none. */
            concurrency: {
                /** @description The scope of the limit. */
                key: string;
                /** @description Executions at a time. */
                limit: number;
            } | null;
            /** @description Higher runs earlier. */
            priority: number;
            /**
             * @description The effect if no slot is free.
             * @enum {string}
             */
            on_limit: "queue" | "reject";
        };
        /** @description Time limits after all defaults. */
        EffectiveTimeouts: {
            /** @description Longest wait for a slot, milliseconds; null: no limit. */
            queue_ms: number | null;
            /** @description Longest attempt, from start to end, milliseconds. */
            attempt_ms: number;
            /** @description Longest time from submission to end, with all retries, milliseconds; null: no limit. */
            total_ms: number | null;
            /** @description Longest time without output, milliseconds; null: no limit. */
            idle_ms: number | null;
        };
        /** @description When execd reports it as late or stuck, and what it has reported; null: never. */
        EffectiveMonitor: {
            /** @description Adds the event `late_start` if no attempt has started this long after the acceptance or the start time, milliseconds; null: off. */
            late_start_ms: number | null;
            /** @description Adds the event `late` if it has not ended this long after the acceptance or the start time, milliseconds; null: off. */
            late_ms: number | null;
            /** @description Adds the event `stuck` if an attempt runs and shows no output and no progress for this time, milliseconds; null: off. */
            stuck_ms: number | null;
            /** @description Whether execd cancels the execution with the first of these events. */
            cancel: boolean;
            /** @description What execd has reported, the oldest first; each event at most once. */
            told: {
                /**
                 * @description The event.
                 * @enum {string}
                 */
                event: "late_start" | "late" | "stuck";
                /**
                 * Format: date-time
                 * @description When execd reported it.
                 */
                time: string;
            }[];
        } | null;
        /** @description Limits of the processes, after all defaults. */
        EffectiveLimits: {
            /** @description Most CPU time of all processes together, seconds. Null: no limit. */
            cpu_s: number | null;
            /** @description Most memory of all processes together, bytes. Null: no limit. */
            memory_bytes: number | null;
            /** @description Most processes at a time. Null: no limit. */
            processes: number | null;
            /** @description Largest file that a process may write, bytes. Null: no limit. */
            file_bytes: number | null;
            /** @description Most open files of each process. Null: no limit. */
            open_files: number | null;
            /** @description Most bytes in the private directory. Null: no limit. */
            disk_bytes: number | null;
        };
        /**
         * @description `completed`, `failed`, `cancelled` and `timed_out` are terminal.
         * @enum {string}
         */
        Status: "pending" | "running" | "completed" | "failed" | "cancelled" | "timed_out";
        /**
         * @description The kind of the work.
         * @enum {string}
         */
        Kind: "exec" | "shell" | "script" | "aws_cli" | "http" | "operation" | "wait" | "plan";
        /**
         * @description Isolation of processes, from the weakest tier to the strongest.
         * @enum {string}
         */
        IsolationTier: "none" | "supervised" | "uid" | "sandbox";
        /**
         * @description The type of the problem. docs/reference/errors.md lists all types.
         * @enum {string}
         */
        ErrorType: "validation" | "malformed_json" | "invalid_utf8" | "too_deep" | "too_many_members" | "invalid_cursor" | "invalid_range" | "invalid_idempotency_key" | "unknown_operation" | "unknown_secret" | "malformed_request" | "unauthorized" | "hook_refused" | "insufficient_credits" | "forbidden" | "command_not_allowed" | "host_not_allowed" | "origin_not_allowed" | "invalid_event_id" | "output_not_streamed" | "not_found" | "artifact_not_found" | "upload_not_found" | "key_rate_exceeded" | "operation_in_file" | "too_many_operations" | "operation_not_found" | "webhook_not_found" | "schedule_not_found" | "delivery_not_found" | "pause_not_found" | "runner_not_found" | "cache_entry_not_found" | "account_not_found" | "key_not_found" | "circuit_not_found" | "route_not_found" | "method_not_allowed" | "request_timeout" | "run_cancelled" | "upload_incomplete" | "upload_offset" | "approval_not_found" | "signal_not_awaited" | "wait_over" | "already_decided" | "too_many_signals" | "not_an_approver" | "link_invalid" | "step_of_plan" | "plan_completed" | "execution_finished" | "webhook_disabled" | "schedule_exists" | "schedule_ended" | "too_many_schedules" | "too_many_webhooks" | "cache_off" | "execution_not_finished" | "execution_not_running" | "input_closed" | "input_offset" | "input_not_read" | "no_terminal" | "key_exists" | "key_in_file" | "key_unusable" | "too_many_keys" | "execution_removed" | "log_read_failed" | "events_gone" | "cache_value_too_large" | "body_too_large" | "unsupported_media_type" | "unsupported_encoding" | "range_not_satisfiable" | "invalid_operations_file" | "invalid_credits_file" | "invalid_roots_file" | "invalid_keys_file" | "invalid_secrets_file" | "invalid_policy_file" | "digest_mismatch" | "idempotency_key_reused" | "hook_failed" | "run_failed" | "queue_full" | "user_queue_full" | "too_many_submits" | "too_many_deliveries" | "store_quota_exceeded" | "log_quota_exceeded" | "concurrency_key_busy" | "too_many_open_keys" | "file_quota_exceeded" | "limit_reached" | "too_many_streams" | "too_many_open_requests" | "websocket_required" | "headers_too_large" | "internal_error" | "log_unreadable" | "run_broken" | "run_timed_out" | "shutting_down" | "maintenance" | "identity_unavailable" | "runner_silent" | "store_unavailable" | "denied" | "exit_code" | "signal" | "output_not_json" | "output_too_large" | "program_not_found" | "program_not_executable" | "files_not_placed" | "program_busy" | "interpreter_not_found" | "cwd_not_found" | "cwd_not_directory" | "cwd_not_accessible" | "arguments_too_long" | "resources_unavailable" | "journal_write_failed" | "spawn_error" | "limit_unavailable" | "isolation_unavailable" | "terminal_unavailable" | "http_status" | "http_unavailable" | "egress_denied" | "dns_failed" | "connect_failed" | "tls_failed" | "connection_lost" | "invalid_response" | "too_many_redirects" | "step_failed" | "no_credit" | "rejected" | "wait_expired" | "step_refused" | "reference_unresolved" | "condition_failed" | "items_unusable" | "loop_limit" | "outputs_unresolved" | "circuit_open" | "retry_exhausted" | "queue_timeout" | "attempt_timeout" | "total_timeout" | "idle_timeout" | "output_limit" | "resource_limit" | "cancelled" | "lost" | "internal" | "imported";
        /**
         * @description Coarse code of the error.
         * @enum {string}
         */
        ErrorCode: "E001" | "E002" | "E003" | "E004" | "E005" | "E006" | "E007";
        /**
         * @description Class of the code.
         * @enum {string}
         */
        ErrorClass: "client" | "timeout" | "execution" | "system";
        /**
         * @description The side at fault. `user`: the request or the command. `system`: execd or one of its dependencies.
         * @enum {string}
         */
        Fault: "user" | "system";
        /** @description The labels of the request. */
        LabelsShown: {
            [key: string]: string;
        };
        /** @description The cancel that ended it, or that is ending it; null if there was none. */
        Cancel: {
            /**
             * Format: date-time
             * @description When the cancel was requested.
             */
            at: string;
            /** @description The reason of the request. */
            reason: string | null;
        } | null;
        /** @description The schedule that started it; null if none did. */
        StartedBySchedule: {
            /** @description Name of the schedule. */
            name: string;
            /**
             * Format: date-time
             * @description The due time that it was started for.
             */
            due: string;
        } | null;
        /** @description Send it as `cursor` to get the next page; null on the last page. */
        NextCursor: string | null;
        /** @description One attempt. */
        Attempt: {
            /** @description From 1. */
            number: number;
            /** @description Name of the runner. */
            runner: string;
            /**
             * Format: date-time
             * @description When the attempt got a slot.
             */
            claimed_at: string;
            /** @description When its process started or its request was sent. */
            started_at: string | null;
            /** @description When it ended. */
            ended_at: string | null;
            /** @description How it ended; null while it runs. */
            outcome: components["schemas"]["Outcome"] | null;
            /** @description Bytes of standard output. */
            stdout_bytes: number;
            /** @description Bytes of standard error. */
            stderr_bytes: number;
            /** @description The resources that it used; null until it has ended. */
            resources: components["schemas"]["Resources"] | null;
        };
        /** @description How an attempt or an execution ended. */
        Outcome: {
            /**
             * @description Why it ended. It decides which of the other fields are present.
             * @enum {string}
             */
            cause: "exited" | "signalled" | "http_response" | "steps_ended" | "provided" | "awaited" | "rejected" | "wait_expired" | "evaluation_failed" | "step_refused" | "request_failed" | "spawn_failed" | "queue_timeout" | "attempt_timeout" | "total_timeout" | "idle_timeout" | "output_limit" | "resource_limit" | "cancelled" | "circuit_open" | "denied" | "dependency_failed" | "no_credit" | "lost" | "internal" | "imported";
            /** @description For `exited`: the exit code. */
            exit_code?: number;
            /** @description For `signalled`: the signal. */
            signal?: string;
            /** @description For `cancelled`: the reason of the request. For failed starts and calls: their error type. */
            reason?: string | null;
            /** @description For a plan: number of steps that failed. */
            failed?: number;
            /** @description For a plan: the first steps that failed. */
            steps?: string[];
            /** @description The end as a sentence. */
            message?: string | null;
            /** @description For `lost`: the cause of the interruption. */
            detail?: string;
            /** @description For timeouts: the exceeded limit, milliseconds. */
            limit_ms?: number;
            /** @description For `output_limit`: the exceeded limit, bytes. */
            limit_bytes?: number;
            /**
             * @description For `resource_limit`: the exceeded limit.
             * @enum {string}
             */
            limit?: "cpu_s" | "memory_bytes" | "processes" | "file_bytes" | "open_files" | "disk_bytes";
            /** @description For `resource_limit`: its value. */
            limit_value?: number;
            /** @description For `http_response`: the status. */
            status?: number;
            /** @description For `http_response`: whether the status is a success. */
            expected?: boolean;
            /** @description When the target or the circuit allows the next try, milliseconds. */
            retry_after_ms?: number | null;
            /** @description For `circuit_open`: name of the circuit. */
            circuit?: string;
            /** @description Present if execd would have retried, but had no attempts or no retry budget left. */
            exhausted?: {
                /** @description Attempts that were made. */
                attempts: number;
                /**
                 * @description The reached limit.
                 * @enum {string}
                 */
                by: "attempts" | "budget";
            };
            artifacts?: components["schemas"]["FilesEnd"];
            network?: components["schemas"]["NetworkEnd"];
            /**
             * @description For `imported`: the status of the record.
             * @enum {string}
             */
            ended_as?: "completed" | "failed" | "cancelled" | "timed_out";
            /** @description For `imported`: the error code of the record. */
            code?: components["schemas"]["ErrorCode"] | null;
            /** @description For `imported`: the error message of the record. */
            error_message?: string | null;
            /** @description How the processes ended; null without processes. */
            process?: components["schemas"]["ProcessEnd"] | null;
        };
        /** @description How the processes of an attempt ended. */
        ProcessEnd: {
            /** @description Exit code of the first process; null if a signal ended it. */
            exit_code: number | null;
            /** @description Signal that ended the first process; null if it exited. */
            signal: string | null;
            /** @description Whether execd had to send SIGKILL after the grace. */
            forced: boolean;
            /** @description The signals that execd sent: the first of each kind. */
            signals: components["schemas"]["SentSignal"][];
            /** @description Processes that were alive when execd ended the attempt; 0 if the command ended by itself. */
            processes_found: number;
            /** @description Processes, except the first, that outlived the first process or that execd had to kill. */
            leftover_processes: number;
            /** @description Processes whose end execd could not confirm. */
            survivors: number;
            /** @description execd ended a process that still held the output: the end of the output may be missing. */
            output_lost: boolean;
        };
        /** @description The connections of a sandbox whose network has listed hosts. */
        NetworkEnd: {
            /** @description Connections that reached their host. */
            connections: number;
            /** @description To all hosts. */
            sent_bytes: number;
            /** @description From all hosts. */
            received_bytes: number;
            refused: components["schemas"]["NetworkRefusals"];
        };
        /** @description Connections that the proxy of a sandbox refused. */
        NetworkRefusals: {
            /** @description How many connections execd refused. */
            reasons: {
                [key: string]: number;
            };
            /** @description The first 20 different ones. */
            hosts: components["schemas"]["NetworkRefusal"][];
        };
        /** @description A host that the proxy of a sandbox refused. */
        NetworkRefusal: {
            /** @description With its port. */
            host: string;
            /**
             * @description `not_listed`: `network.allow` does not list it. `address`: it is an address and not a name. `not_public`: the name has an address that is not public. `byte_limit`: the attempt has used EXECUTION_SANDBOX_NETWORK_BYTES.
             * @enum {string}
             */
            reason: "not_listed" | "address" | "not_public" | "byte_limit";
        };
        /** @description A signal that execd sent. */
        SentSignal: {
            /** @description For example `SIGTERM`. */
            signal: string;
            /**
             * Format: date-time
             * @description When execd sent it.
             */
            at: string;
        };
        /** @description Why an execution did not complete. */
        ExecutionError: {
            code: components["schemas"]["ErrorCode"];
            class: components["schemas"]["ErrorClass"];
            type: components["schemas"]["ErrorType"];
            fault: components["schemas"]["Fault"];
            /** @description The end as a sentence. */
            message: string;
            details: components["schemas"]["Outcome"];
            /** @description Whether another attempt can succeed. */
            retryable: boolean;
        };
        /** @description Why an execution waits, or why it ended. */
        Explanation: {
            /** @description Id of the execution. */
            id: string;
            kind: components["schemas"]["Kind"];
            status: components["schemas"]["Status"];
            /**
             * @description Finer than the status. `done` is the last phase.
             * @enum {string}
             */
            phase: "scheduled" | "awaiting" | "queued" | "scheduled_retry" | "starting" | "running" | "canceling" | "finishing" | "done";
            /** @description A summary in a few sentences. */
            summary: string;
            /** @description Time from its acceptance to its first attempt, or until now, milliseconds. */
            waited_ms: number;
            /** @description Why it waits; null if it does not. */
            waiting: components["schemas"]["WhyWaiting"] | null;
            /** @description The reason of its end; null until the end. */
            end: components["schemas"]["WhyEnded"] | null;
            /** @description The reports of its monitor, the oldest first. */
            told: {
                /**
                 * @description The event.
                 * @enum {string}
                 */
                event: "late_start" | "late" | "stuck";
                /**
                 * Format: date-time
                 * @description When execd reported it.
                 */
                time: string;
                /** @description The same in words. */
                words: string;
            }[];
            /** @description All attempts, the first one first. */
            attempts: components["schemas"]["WhyRetried"][];
            /** @description The cache; null if it does not use it. */
            cache: components["schemas"]["WhyMissed"] | null;
            /** @description The effect of a rerun now; null until the end. */
            rerun: components["schemas"]["WhatOnRerun"] | null;
            /** @description For a plan: at most 100 steps that did not complete, failed ones first. Null otherwise. */
            steps: components["schemas"]["StepWhy"][] | null;
            /** @description For a plan: the number of further ones. */
            steps_left_out: number;
        };
        /** @description Why it waits. */
        WhyWaiting: {
            /**
             * @description `concurrency_limit`, `user_limit`, `no_free_slot`: the limit that holds it. `no_runner`: no server serves its pool. `turn`: it is about to start. `start_time`: it waits for its start time. `retry_time`: it waits between two attempts. `joined`: it waits for the run of another execution.
             * @enum {string}
             */
            reason: "joined" | "signal" | "approval" | "time" | "paused" | "start_time" | "retry_time" | "shutting_down" | "concurrency_limit" | "user_limit" | "no_runner" | "no_free_slot" | "turn";
            /** @description The same in words. */
            words: string;
            /** @description Executions before it; null if it is not in the queue. */
            position: number | null;
            /** @description The executions before it, by the reason. */
            ahead: {
                /** @description Of a higher priority. */
                higher_priority: number;
                /** @description Of the same user. */
                own: number;
                /** @description Executions of other users with earlier turns. */
                others: number;
            } | null;
            /** @description The slots of this server. */
            slots: {
                /**
                 * @description Processes or HTTP calls.
                 * @enum {string}
                 */
                kind: "process" | "http";
                /** @description Slots in total. */
                total: number;
                /** @description Slots in use. */
                running: number;
                /** @description Mean duration of recent attempts, milliseconds. */
                mean_ms: number | null;
            };
            /** @description The pool that it waits for. */
            pool: {
                /** @description The name of the pool. */
                name: string;
                /** @description Names of the servers that serve it; null if this server does. */
                servers: string[] | null;
            };
            /** @description Its concurrency key; null without one. */
            concurrency: {
                /** @description The scope of the limit. */
                key: string;
                /** @description Executions at a time. */
                limit: number;
                /** @description Executions that run with this key. */
                running: number;
            } | null;
            /** @description The limit of its user. */
            user: {
                /** @description Executions of the user that run. */
                running: number;
                /** @description How many may; null: any number. */
                limit: number | null;
            };
            /** @description The circuit that it belongs to; null without one. */
            circuit: components["schemas"]["Circuit"] | null;
            /** @description When it enters the queue again. */
            retry_at: string | null;
            /** @description The clock that ends it if it still waits then; null: none. */
            deadline: {
                /** @description The clock, such as `timeouts.queue_ms`. */
                name: string;
                /**
                 * Format: date-time
                 * @description When it ends.
                 */
                at: string;
            } | null;
            /** @description The estimated time until it starts, milliseconds; null if it cannot be estimated. */
            estimate_ms: number | null;
        };
        /** @description The reason of its end. */
        WhyEnded: {
            /**
             * @description The cause of its outcome.
             * @enum {string}
             */
            cause: "exited" | "signalled" | "http_response" | "steps_ended" | "provided" | "awaited" | "rejected" | "wait_expired" | "evaluation_failed" | "step_refused" | "request_failed" | "spawn_failed" | "queue_timeout" | "attempt_timeout" | "total_timeout" | "idle_timeout" | "output_limit" | "resource_limit" | "cancelled" | "circuit_open" | "denied" | "dependency_failed" | "no_credit" | "lost" | "internal" | "imported";
            /** @description The error; null if it completed. */
            error: {
                code: components["schemas"]["ErrorCode"];
                type: components["schemas"]["ErrorType"];
                fault: components["schemas"]["Fault"];
            } | null;
            /** @description The end as a sentence. */
            message: string;
            /** @description The meaning and the usual cause; null if the message has both. */
            meaning: string | null;
            /** @description The clock or limit that ended it; null: none did. */
            limit: {
                /** @description The clock or limit, such as `timeouts.attempt_ms`. */
                name: string;
                /** @description Its value. */
                value: number;
                /**
                 * @description Unit of the value.
                 * @enum {string}
                 */
                unit: "ms" | "bytes" | "s" | "count";
            } | null;
            /** @description How its processes ended; null without processes. */
            process: components["schemas"]["ProcessEnd"] | null;
            /** @description The last lines that it wrote, if it did not complete. */
            last_output: {
                /**
                 * @description The stream of the line.
                 * @enum {string}
                 */
                stream: "stdout" | "stderr";
                /** @description At most 10 lines. execd escapes control characters. */
                text: string;
            } | null;
            /** @description The resources that its last attempt used. */
            resources: components["schemas"]["Resources"] | null;
            /** @description The runner of its last attempt; null if it had none. */
            host: {
                /** @description Name of the runner host. */
                runner: string;
                /** @description Number of the last attempt. */
                attempt: number;
                isolation: components["schemas"]["IsolationTier"];
            } | null;
            /** @description The remedy. */
            advice: string[];
        };
        /** @description An attempt, and whether it was retried. */
        WhyRetried: {
            /** @description From 1. */
            number: number;
            /** @description How it ended; null while it runs. */
            cause: ("exited" | "signalled" | "http_response" | "steps_ended" | "provided" | "awaited" | "rejected" | "wait_expired" | "evaluation_failed" | "step_refused" | "request_failed" | "spawn_failed" | "queue_timeout" | "attempt_timeout" | "total_timeout" | "idle_timeout" | "output_limit" | "resource_limit" | "cancelled" | "circuit_open" | "denied" | "dependency_failed" | "no_credit" | "lost" | "internal" | "imported") | null;
            /** @description Why it did not complete; null if it did. */
            message: string | null;
            /** @description Whether another attempt followed, or will. */
            retried: boolean;
            /** @description Why no attempt followed; null if one did. */
            why_not: ("completed" | "no_retry_block" | "one_attempt" | "attempts_used" | "budget_used" | "cancelled" | "clock_over" | "circuit_open" | "not_retry_safe" | "not_in_retry_on" | "not_helped" | "not_started") | null;
            /** @description The same in words. */
            words: string;
            /** @description Time until the next attempt was claimed, milliseconds. */
            wait_ms: number | null;
        };
        /** @description The result of the cache lookup, and its reason. */
        WhyMissed: {
            /** @description Its cache key. */
            key: string;
            /**
             * @description `other_key`: a similar execution has another key. `not_kept`, `expired`, `removed`: the result with this key no longer exists. `under_way`: a run with this key could not be joined.
             * @enum {string}
             */
            reason: "hit" | "joined" | "not_looked_up" | "first_use" | "other_key" | "not_kept" | "expired" | "removed" | "under_way";
            /** @description The same in words. */
            words: string;
            /** @description The execution that the reason is about. */
            other: {
                /** @description Its id. */
                id: string;
                /**
                 * Format: date-time
                 * @description When it was accepted, or when its result was stored.
                 */
                created: string;
                /** @description Its cache key. */
                key: string;
            } | null;
            /** @description For `other_key`: the fields in which the keys differ, at most 20. */
            differences: {
                /** @description Path of the field, such as `params.region`. */
                field: string;
                /** @description Its value as JSON, cut to 200 characters; null: absent. */
                here: string | null;
                /** @description The value of the other execution. */
                there: string | null;
            }[];
        };
        /** @description The effect of a rerun now. */
        WhatOnRerun: {
            /** @description Whether execd would accept it now. */
            accepted: boolean;
            /** @description Why execd would reject it. */
            problem: components["schemas"]["Problem"] | null;
            /** @description How it would begin; null for a plan. */
            begins: ("hit" | "joined" | "running" | "queued" | "scheduled" | "refused_by_circuit") | null;
            /** @description Whether it can end differently without a change. */
            may_help: boolean;
            /** @description The same in words. */
            words: string;
        };
        /** @description A step that did not complete. */
        StepWhy: {
            /** @description Name of the step. */
            step: string;
            /**
             * @description Status of the step.
             * @enum {string}
             */
            status: "pending" | "running" | "completed" | "failed" | "cancelled" | "timed_out" | "skipped";
            /** @description Its execution; null if it has none. */
            execution_id: string | null;
            /** @description The same in words. */
            words: string;
            /** @description Whether it failed before all others. The first failure often causes the others. */
            first: boolean;
        };
        /** @description The executions that ended in a window of time. */
        OperationsReport: {
            /**
             * Format: date-time
             * @description Begin of the window.
             */
            from: string;
            /**
             * Format: date-time
             * @description End of the window.
             */
            to: string;
            /** @description Executions that the report counts. */
            count: number;
            /** @description Whether these are all. A report counts at most the last 50,000 executions that ended in the window. */
            complete: boolean;
            /** @description Each operation or kind, the most frequent first. */
            operations: components["schemas"]["OperationReport"][];
        };
        /** @description The figures of an operation. */
        OperationReport: {
            /** @description Name of the operation; without one, the kind. */
            type: string;
            /** @description Executions that ended. */
            count: number;
            /** @description The same by status. */
            by_status: {
                /** @description Executions that are completed. */
                completed: number;
                /** @description Executions that are failed. */
                failed: number;
                /** @description Executions that are cancelled. */
                cancelled: number;
                /** @description Executions that are timed_out. */
                timed_out: number;
            };
            /** @description Completed, of all that were not cancelled; null: all were. */
            success_ratio: number | null;
            /** @description Attempts beyond the first. */
            retries: number;
            /** @description Executions that a monitor reported as late to start or to end. */
            late: number;
            /** @description Executions that a monitor reported as stuck. */
            stuck: number;
            /** @description Time from the acceptance to the first attempt. */
            wait_ms: components["schemas"]["DurationSpread"] | null;
            /** @description Time from the first start to the last end. */
            run_ms: components["schemas"]["DurationSpread"] | null;
            /** @description Why executions did not complete, the most frequent first. */
            errors: {
                code: components["schemas"]["ErrorCode"];
                /**
                 * @description How they ended.
                 * @enum {string}
                 */
                cause: "exited" | "signalled" | "http_response" | "steps_ended" | "provided" | "awaited" | "rejected" | "wait_expired" | "evaluation_failed" | "step_refused" | "request_failed" | "spawn_failed" | "queue_timeout" | "attempt_timeout" | "total_timeout" | "idle_timeout" | "output_limit" | "resource_limit" | "cancelled" | "circuit_open" | "denied" | "dependency_failed" | "no_credit" | "lost" | "internal" | "imported";
                /** @description How many. */
                count: number;
            }[];
        };
        /** @description How durations are spread. */
        DurationSpread: {
            /** @description Mean, milliseconds. */
            average: number;
            /** @description Least, milliseconds. */
            min: number;
            /** @description Most, milliseconds. */
            max: number;
            /** @description Median, milliseconds. */
            p50: number;
            /** @description 95th percentile, milliseconds. */
            p95: number;
            /** @description 99th percentile, milliseconds. */
            p99: number;
        };
        /** @description Output of the last attempt. */
        Output: {
            /** @description Bytes of standard output. */
            stdout_bytes: number;
            /** @description Bytes of standard error. */
            stderr_bytes: number;
            /** @description Bytes of standard output that the log keeps. */
            stdout_kept_bytes: number;
            /** @description Bytes of standard error that the log keeps. */
            stderr_kept_bytes: number;
            /** @description Whether the log lacks some of the output. */
            truncated: boolean;
            /**
             * @description The effect of output beyond max_bytes.
             * @enum {string}
             */
            strategy: "truncate" | "fail" | "spool";
            /** @description Most bytes of output that the log keeps. */
            max_bytes: number;
            /** @description Most bytes of each stream, or of the body of an HTTP response, that the result holds. */
            result_bytes: number;
            /** @description Path of the log file. Only administrators see it. */
            log_path?: string;
        };
        /** @description The resources of an attempt. */
        Resources: {
            /** @description CPU time of all processes, milliseconds; null if not measured. */
            cpu_ms: number | null;
            /** @description Peak memory, bytes; null if not measured. */
            max_rss_bytes: number | null;
        };
        /** @description How an execution uses the cache. */
        CacheUse: {
            /**
             * @description How the execution uses the cache.
             * @enum {string}
             */
            mode: "read_write" | "read" | "write" | "refresh" | "bypass";
            /** @description The cache key. */
            key: string | null;
            /** @description The users who share the result. */
            scope: ("task" | "user" | "global") | null;
            /** @description How long execd keeps the result, seconds; null: until it is evicted. */
            ttl_s: number | null;
            /**
             * @description `hit`: the result is a stored one. `joined`: the execution shares the run `run_id`. `stored`: a miss whose result is now in the cache.
             * @enum {string}
             */
            status: "hit" | "joined" | "miss" | "stored" | "bypass";
            /** @description For a hit: when the result was stored. */
            stored_at: string | null;
            /** @description For a hit: the run that made the result. The hit shows its output and its log. Null for a value that was put into the cache. */
            run_id: string | null;
            /** @description Why the cache does not keep the result. `not_completed`: the status is not `completed`. `mode`: the mode is `read`. `output_truncated`: the log lacks some of the output. `output_incomplete`: output was lost. `too_large`: it takes more of the cache than one result may. */
            reason: ("mode" | "not_completed" | "output_truncated" | "output_incomplete" | "too_large") | null;
        };
        /** @description A problem that the status does not show. */
        Warning: {
            /**
             * @description `output_incomplete`: the end of the output may be missing. `processes_left`: execd could not confirm the end of all processes. `artifacts_missing`: requested files were not kept. `files_left`: the command left files that `artifacts` does not name.
             * @enum {string}
             */
            code: "output_incomplete" | "processes_left" | "artifacts_missing" | "files_left";
            /** @description The end as a sentence. */
            message: string;
        };
        /** @description An error, as RFC 9457 specifies. */
        Problem: {
            /** @description `urn:execd:error:TYPE`, where TYPE is one of ErrorType. */
            type: string;
            /** @description The same for every error of this type. */
            title: string;
            /** @description HTTP status. */
            status: number;
            code: components["schemas"]["ErrorCode"];
            class: components["schemas"]["ErrorClass"];
            fault: components["schemas"]["Fault"];
            /** @description The fault of this request, and the remedy. */
            detail: string;
            /** @description Whether the same request can succeed later, unchanged. */
            retryable: boolean;
            /** @description For `validation`: each field that is wrong. */
            errors?: components["schemas"]["FieldProblem"][];
            /** @description For `events_gone`: the oldest event id after which the stream can continue. */
            oldest?: string;
        };
        /** @description A field that is wrong. */
        FieldProblem: {
            /** @description JSON Pointer into the body, `?NAME` of a query parameter, or the name of a header. */
            field: string;
            /** @description The fault of the value, and the allowed values. */
            message: string;
        };
        PlanRequest: {
            /** @description Your own id, shown as `client_id`. Within 24 hours, a second request with the same id returns the first plan. */
            id?: string;
            /** @description A text of your choice. */
            description?: string;
            strategy: components["schemas"]["Strategy"];
            /** @description Values for the steps: `${plan.params.NAME}`. */
            params?: {
                [key: string]: unknown;
            };
            /** @description The steps. Together with those of plans in the plan, at most 10,000. */
            steps: components["schemas"]["PlanStepRequest"][];
            /** @description The result of the plan. Values may be references to its steps. */
            outputs?: components["schemas"]["Outputs"];
            /** @description A group of your choice, for the plan and its steps. */
            task_id?: string;
            /** @description Labels of the plan and of its steps. */
            labels?: components["schemas"]["Labels"];
            /** @description Priority of the steps that have none of their own. Default: 0. */
            priority?: number;
            /** @description Time limits of the plan. */
            timeouts?: components["schemas"]["PlanTimeouts"];
            monitor?: components["schemas"]["PlanMonitor"];
            webhook?: components["schemas"]["WebhookTarget"];
            /**
             * Format: date-time
             * @description The start time, at most 366 days ahead. Until then the execution is `pending` in phase `scheduled`. A time in the past starts it at once.
             */
            start_at?: string;
            /** @description How long to wait before the start, milliseconds. Give either `start_at` or `delay_ms`. */
            delay_ms?: number;
        };
        /** @description A step: a spec with the fields of a step. Any value that is not a field of the step itself may be, or contain, a reference such as `${steps.build.stdout}`; so a reference may stand in place of a number or an object. */
        PlanStepRequest: components["schemas"]["ExecStep"] | components["schemas"]["ShellStep"] | components["schemas"]["ScriptStep"] | components["schemas"]["AwsCliStep"] | components["schemas"]["HttpStep"] | components["schemas"]["OperationStep"] | components["schemas"]["WaitStep"] | components["schemas"]["PlanStep"];
        ExecStep: {
            /**
             * @description A program, without a shell. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "exec";
            /** @description A path, or a name on the PATH. */
            program: string;
            args?: components["schemas"]["Arguments"];
            cwd?: components["schemas"]["WorkingDirectory"];
            env?: components["schemas"]["Environment"];
            stdin?: components["schemas"]["Stdin"];
            tty?: components["schemas"]["TerminalSize"];
            files?: components["schemas"]["Files"];
            artifacts?: components["schemas"]["Artifacts"];
            progress?: components["schemas"]["Progress"];
            /**
             * @description The least isolation of its process. Default, and never less: as the policy has it.
             * @enum {string}
             */
            isolation?: "none" | "supervised" | "uid" | "sandbox";
            network?: components["schemas"]["Network"];
            /** @description Name of a root directory of this server (EXECUTION_ROOTS_FILE): it sees only the files of that directory. Implies `isolation: sandbox`. */
            root?: string;
            /** @description The niceness of its processes, as of nice(1): a higher number leaves more CPU time to others. Default: 0. */
            nice?: number;
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Name of the step, unique within the plan. Default: `step_` and its index, such as `step_0`. */
            name?: string;
            /** @description With the strategy `dependency_graph`: names of the steps that must end first. */
            depends_on?: string[];
            /**
             * @description How the steps that it depends on must have ended. `success` (default): all completed. `failure`: at least one failed. `always`: any way.
             * @enum {string}
             */
            run_if?: "success" | "failure" | "always";
            /** @description CEL expression. If it is false, execd skips the step. */
            when?: string;
            /** @description If the step fails, the plan and the steps after it continue as if it had completed. Default: false. */
            continue_on_error?: boolean;
            /** @description Values of the step for other steps: `${steps.NAME.outputs.OUTPUT}`. */
            outputs?: components["schemas"]["Outputs"];
            /** @description Run the step once for each item, with `${item}` and `${index}`. */
            foreach?: components["schemas"]["ForEach"];
            /** @description Run the step while a condition is true, with `${iteration}` and `${previous}`. */
            while?: components["schemas"]["While"];
        };
        ShellStep: {
            /**
             * @description A command line for a shell. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "shell";
            /** @description The command line; the shell gets it with `-c`. */
            command: string;
            /** @description A path, or a name on the PATH. Default: bash. */
            shell?: string;
            cwd?: components["schemas"]["WorkingDirectory"];
            env?: components["schemas"]["Environment"];
            stdin?: components["schemas"]["Stdin"];
            tty?: components["schemas"]["TerminalSize"];
            files?: components["schemas"]["Files"];
            artifacts?: components["schemas"]["Artifacts"];
            progress?: components["schemas"]["Progress"];
            /**
             * @description The least isolation of its process. Default, and never less: as the policy has it.
             * @enum {string}
             */
            isolation?: "none" | "supervised" | "uid" | "sandbox";
            network?: components["schemas"]["Network"];
            /** @description Name of a root directory of this server (EXECUTION_ROOTS_FILE): it sees only the files of that directory. Implies `isolation: sandbox`. */
            root?: string;
            /** @description The niceness of its processes, as of nice(1): a higher number leaves more CPU time to others. Default: 0. */
            nice?: number;
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Name of the step, unique within the plan. Default: `step_` and its index, such as `step_0`. */
            name?: string;
            /** @description With the strategy `dependency_graph`: names of the steps that must end first. */
            depends_on?: string[];
            /**
             * @description How the steps that it depends on must have ended. `success` (default): all completed. `failure`: at least one failed. `always`: any way.
             * @enum {string}
             */
            run_if?: "success" | "failure" | "always";
            /** @description CEL expression. If it is false, execd skips the step. */
            when?: string;
            /** @description If the step fails, the plan and the steps after it continue as if it had completed. Default: false. */
            continue_on_error?: boolean;
            /** @description Values of the step for other steps: `${steps.NAME.outputs.OUTPUT}`. */
            outputs?: components["schemas"]["Outputs"];
            /** @description Run the step once for each item, with `${item}` and `${index}`. */
            foreach?: components["schemas"]["ForEach"];
            /** @description Run the step while a condition is true, with `${iteration}` and `${previous}`. */
            while?: components["schemas"]["While"];
        };
        ScriptStep: {
            /**
             * @description A script, given as source or as a path. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "script";
            /** @description Absolute path of a script on the machine of the server. Give either `path` or `source`. */
            path?: string;
            /** @description The text of the script. */
            source?: string;
            /** @description Name of the file that holds the source. Default: an extension that fits the interpreter. */
            filename?: string;
            /** @description A path, or a name on the PATH. Default: the interpreter that the script names after `#!`. */
            interpreter?: string;
            args?: components["schemas"]["Arguments"];
            cwd?: components["schemas"]["WorkingDirectory"];
            env?: components["schemas"]["Environment"];
            stdin?: components["schemas"]["Stdin"];
            tty?: components["schemas"]["TerminalSize"];
            files?: components["schemas"]["Files"];
            artifacts?: components["schemas"]["Artifacts"];
            progress?: components["schemas"]["Progress"];
            /**
             * @description The least isolation of its process. Default, and never less: as the policy has it.
             * @enum {string}
             */
            isolation?: "none" | "supervised" | "uid" | "sandbox";
            network?: components["schemas"]["Network"];
            /** @description Name of a root directory of this server (EXECUTION_ROOTS_FILE): it sees only the files of that directory. Implies `isolation: sandbox`. */
            root?: string;
            /** @description The niceness of its processes, as of nice(1): a higher number leaves more CPU time to others. Default: 0. */
            nice?: number;
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Name of the step, unique within the plan. Default: `step_` and its index, such as `step_0`. */
            name?: string;
            /** @description With the strategy `dependency_graph`: names of the steps that must end first. */
            depends_on?: string[];
            /**
             * @description How the steps that it depends on must have ended. `success` (default): all completed. `failure`: at least one failed. `always`: any way.
             * @enum {string}
             */
            run_if?: "success" | "failure" | "always";
            /** @description CEL expression. If it is false, execd skips the step. */
            when?: string;
            /** @description If the step fails, the plan and the steps after it continue as if it had completed. Default: false. */
            continue_on_error?: boolean;
            /** @description Values of the step for other steps: `${steps.NAME.outputs.OUTPUT}`. */
            outputs?: components["schemas"]["Outputs"];
            /** @description Run the step once for each item, with `${item}` and `${index}`. */
            foreach?: components["schemas"]["ForEach"];
            /** @description Run the step while a condition is true, with `${iteration}` and `${previous}`. */
            while?: components["schemas"]["While"];
        };
        AwsCliStep: {
            /**
             * @description A call of the AWS CLI. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "aws_cli";
            /** @description For example `s3api`. */
            service: string;
            /** @description For example `list-buckets`. */
            operation: string;
            args?: components["schemas"]["Arguments"];
            /** @description Profile of the AWS configuration. */
            profile?: string;
            /** @description AWS region. */
            region?: string;
            cwd?: components["schemas"]["WorkingDirectory"];
            env?: components["schemas"]["Environment"];
            stdin?: components["schemas"]["Stdin"];
            tty?: components["schemas"]["TerminalSize"];
            files?: components["schemas"]["Files"];
            artifacts?: components["schemas"]["Artifacts"];
            progress?: components["schemas"]["Progress"];
            /**
             * @description The least isolation of its process. Default, and never less: as the policy has it.
             * @enum {string}
             */
            isolation?: "none" | "supervised" | "uid" | "sandbox";
            network?: components["schemas"]["Network"];
            /** @description Name of a root directory of this server (EXECUTION_ROOTS_FILE): it sees only the files of that directory. Implies `isolation: sandbox`. */
            root?: string;
            /** @description The niceness of its processes, as of nice(1): a higher number leaves more CPU time to others. Default: 0. */
            nice?: number;
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Name of the step, unique within the plan. Default: `step_` and its index, such as `step_0`. */
            name?: string;
            /** @description With the strategy `dependency_graph`: names of the steps that must end first. */
            depends_on?: string[];
            /**
             * @description How the steps that it depends on must have ended. `success` (default): all completed. `failure`: at least one failed. `always`: any way.
             * @enum {string}
             */
            run_if?: "success" | "failure" | "always";
            /** @description CEL expression. If it is false, execd skips the step. */
            when?: string;
            /** @description If the step fails, the plan and the steps after it continue as if it had completed. Default: false. */
            continue_on_error?: boolean;
            /** @description Values of the step for other steps: `${steps.NAME.outputs.OUTPUT}`. */
            outputs?: components["schemas"]["Outputs"];
            /** @description Run the step once for each item, with `${item}` and `${index}`. */
            foreach?: components["schemas"]["ForEach"];
            /** @description Run the step while a condition is true, with `${iteration}` and `${previous}`. */
            while?: components["schemas"]["While"];
        };
        HttpStep: {
            /**
             * @description An HTTP call. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "http";
            /**
             * @description Default: GET.
             * @enum {string}
             */
            method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
            /** @description An absolute http or https URL. */
            url: string;
            headers?: components["schemas"]["HttpHeaders"];
            /** @description Query parameters that are added to the URL. A list repeats the parameter. */
            query?: components["schemas"]["HttpQuery"];
            /** @description Request body. `json` and `text` set content-type unless `headers` does. */
            body?: components["schemas"]["HttpBody"];
            /** @description Which statuses are a success. Default: 2xx. */
            expect?: components["schemas"]["HttpExpect"];
            /** @description Most redirects to follow. Default: 5. */
            max_redirects?: number;
            /** @description Other hosts that redirects may lead to. Default: `any`; for an operation, none. Listed hosts get the body and all headers except credentials. */
            redirect_hosts?: "any" | string[];
            /** @description TLS options. */
            tls?: components["schemas"]["HttpTls"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Name of the step, unique within the plan. Default: `step_` and its index, such as `step_0`. */
            name?: string;
            /** @description With the strategy `dependency_graph`: names of the steps that must end first. */
            depends_on?: string[];
            /**
             * @description How the steps that it depends on must have ended. `success` (default): all completed. `failure`: at least one failed. `always`: any way.
             * @enum {string}
             */
            run_if?: "success" | "failure" | "always";
            /** @description CEL expression. If it is false, execd skips the step. */
            when?: string;
            /** @description If the step fails, the plan and the steps after it continue as if it had completed. Default: false. */
            continue_on_error?: boolean;
            /** @description Values of the step for other steps: `${steps.NAME.outputs.OUTPUT}`. */
            outputs?: components["schemas"]["Outputs"];
            /** @description Run the step once for each item, with `${item}` and `${index}`. */
            foreach?: components["schemas"]["ForEach"];
            /** @description Run the step while a condition is true, with `${iteration}` and `${previous}`. */
            while?: components["schemas"]["While"];
        };
        OperationStep: {
            /**
             * @description A named operation of this server. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "operation";
            /** @description Its parameters. */
            params?: {
                [key: string]: unknown;
            };
            /** @description Name of the operation; see GET /v1/operations. */
            operation: string;
            limits?: components["schemas"]["ResourceLimits"];
            stop?: components["schemas"]["StopOptions"];
            task_id?: components["schemas"]["TaskId"];
            labels?: components["schemas"]["Labels"];
            priority?: components["schemas"]["Priority"];
            pool?: components["schemas"]["Pool"];
            on_limit?: components["schemas"]["OnLimit"];
            timeouts?: components["schemas"]["Timeouts"];
            monitor?: components["schemas"]["Monitor"];
            output?: components["schemas"]["OutputOptions"];
            retry?: components["schemas"]["Retry"];
            retry_safe?: components["schemas"]["RetrySafe"];
            cache?: components["schemas"]["CacheOptions"];
            concurrency?: components["schemas"]["ConcurrencyOptions"];
            /** @description Name of the step, unique within the plan. Default: `step_` and its index, such as `step_0`. */
            name?: string;
            /** @description With the strategy `dependency_graph`: names of the steps that must end first. */
            depends_on?: string[];
            /**
             * @description How the steps that it depends on must have ended. `success` (default): all completed. `failure`: at least one failed. `always`: any way.
             * @enum {string}
             */
            run_if?: "success" | "failure" | "always";
            /** @description CEL expression. If it is false, execd skips the step. */
            when?: string;
            /** @description If the step fails, the plan and the steps after it continue as if it had completed. Default: false. */
            continue_on_error?: boolean;
            /** @description Values of the step for other steps: `${steps.NAME.outputs.OUTPUT}`. */
            outputs?: components["schemas"]["Outputs"];
            /** @description Run the step once for each item, with `${item}` and `${index}`. */
            foreach?: components["schemas"]["ForEach"];
            /** @description Run the step while a condition is true, with `${iteration}` and `${previous}`. */
            while?: components["schemas"]["While"];
        };
        WaitStep: {
            /**
             * @description A wait: it runs nothing and holds no slot. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "wait";
            signal?: components["schemas"]["WaitSignal"];
            approval?: components["schemas"]["WaitApproval"];
            /**
             * Format: date-time
             * @description Wait until this time. A time in the past ends the wait at once.
             */
            until?: string;
            /** @description Wait this long, milliseconds. */
            delay_ms?: number;
            /** @description A group of your choice. Default: that of the plan. */
            task_id?: string;
            labels?: components["schemas"]["Labels"];
            /** @description Has no effect: a wait needs no slot. */
            priority?: number;
            /** @description Name of the step, unique within the plan. Default: `step_` and its index, such as `step_0`. */
            name?: string;
            /** @description With the strategy `dependency_graph`: names of the steps that must end first. */
            depends_on?: string[];
            /**
             * @description How the steps that it depends on must have ended. `success` (default): all completed. `failure`: at least one failed. `always`: any way.
             * @enum {string}
             */
            run_if?: "success" | "failure" | "always";
            /** @description CEL expression. If it is false, execd skips the step. */
            when?: string;
            /** @description If the step fails, the plan and the steps after it continue as if it had completed. Default: false. */
            continue_on_error?: boolean;
            /** @description Values of the step for other steps: `${steps.NAME.outputs.OUTPUT}`. */
            outputs?: components["schemas"]["Outputs"];
            /** @description Run the step once for each item, with `${item}` and `${index}`. */
            foreach?: components["schemas"]["ForEach"];
            /** @description Run the step while a condition is true, with `${iteration}` and `${previous}`. */
            while?: components["schemas"]["While"];
        };
        PlanStep: {
            /**
             * @description A plan within the plan. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            kind: "plan";
            /** @description A text of your choice. */
            description?: string;
            strategy: components["schemas"]["Strategy"];
            /** @description Values for the steps: `${plan.params.NAME}`. */
            params?: {
                [key: string]: unknown;
            };
            /** @description The steps. Together with those of plans in the plan, at most 10,000. */
            steps: components["schemas"]["PlanStepRequest"][];
            /** @description Values of the step for other steps: `${steps.NAME.outputs.OUTPUT}`. */
            outputs?: components["schemas"]["Outputs"];
            /** @description A group of your choice, for the plan and its steps. */
            task_id?: string;
            /** @description Labels of the plan and of its steps. */
            labels?: components["schemas"]["Labels"];
            /** @description Priority of the steps that have none of their own. Default: 0. */
            priority?: number;
            /** @description Time limits of the plan. */
            timeouts?: components["schemas"]["PlanTimeouts"];
            monitor?: components["schemas"]["PlanMonitor"];
            /** @description Name of the step, unique within the plan. Default: `step_` and its index, such as `step_0`. */
            name?: string;
            /** @description With the strategy `dependency_graph`: names of the steps that must end first. */
            depends_on?: string[];
            /**
             * @description How the steps that it depends on must have ended. `success` (default): all completed. `failure`: at least one failed. `always`: any way.
             * @enum {string}
             */
            run_if?: "success" | "failure" | "always";
            /** @description CEL expression. If it is false, execd skips the step. */
            when?: string;
            /** @description If the step fails, the plan and the steps after it continue as if it had completed. Default: false. */
            continue_on_error?: boolean;
            /** @description Run the step once for each item, with `${item}` and `${index}`. */
            foreach?: components["schemas"]["ForEach"];
            /** @description Run the step while a condition is true, with `${iteration}` and `${previous}`. */
            while?: components["schemas"]["While"];
        };
        /** @description In which order the steps run. */
        Strategy: components["schemas"]["SerialStrategy"] | components["schemas"]["ParallelStrategy"] | components["schemas"]["DependencyGraphStrategy"];
        SerialStrategy: {
            /**
             * @description One step after the other. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "serial";
            /** @description Skip the rest after a failure. Default: true. */
            stop_on_error?: boolean;
        };
        ParallelStrategy: {
            /**
             * @description All steps at the same time. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "parallel";
            /** @description Most steps at a time. Default: no limit. */
            max_concurrency?: number | null;
        };
        DependencyGraphStrategy: {
            /**
             * @description Each step when the steps that it depends on have ended. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            type: "dependency_graph";
            /** @description Most steps at a time. Default: no limit. */
            max_concurrency?: number | null;
            /** @description Index of a step, from 0: indices of the steps that must end first. In addition to depends_on. */
            dependencies?: {
                [key: string]: number[];
            };
        };
        /** @description Names and values of your choice; values may be references. */
        Outputs: {
            [key: string]: unknown;
        };
        ForEach: {
            /** @description A list, or a reference to one. */
            items: unknown;
            /** @description Most rounds at a time. Default: no limit. */
            max_concurrency?: number | null;
            /** @description Start no round after one has failed. Default: false. */
            stop_on_error?: boolean;
        };
        While: {
            /** @description CEL expression over `iteration` and `previous`, evaluated before each round. */
            condition: string;
            /** @description Most rounds; the step fails if there would be more. */
            max_iterations: number;
        };
        PlanTimeouts: {
            /** @description From submission to the end of the plan, milliseconds. */
            total_ms?: number;
        };
        /** @description When execd reports the plan as late: an event, webhooks, and, if you want it, a cancel. Steps have monitors of their own. */
        PlanMonitor: {
            /** @description Adds the event `late` if it has not ended this long after the acceptance or the start time, milliseconds. Default: off. */
            late_ms?: number;
            /** @description Whether execd cancels the execution with the first of these events. Default: false. */
            cancel?: boolean;
        };
        /** @description Wait for a signal. Its payload is the value of the step. */
        WaitSignal: {
            /** @description Name of the signal: `POST /v1/plans/{id}/signals/{name}` sends it. */
            name: string;
            /** @description JSON Schema of the payload, without `$ref` to other documents. Default: any JSON value. */
            schema?: {
                [key: string]: unknown;
            };
            /** @description Longest wait, milliseconds. Default: no limit. */
            expires_ms?: number;
            /** @description Value if no signal comes in time. Without it, the step then times out. */
            default?: unknown;
        };
        /** @description Wait for a decision. One rejection ends the wait, and the step fails. */
        WaitApproval: {
            /** @description The question for those who decide. */
            message?: string;
            /** @description Users who may decide. Default: the user of the plan. Administrators may always decide. */
            users?: string[];
            /** @description Number of approvals that the step needs. Default: 1. */
            required?: number;
            /** @description Whether the user of the plan and its submitter may not decide. Default: false. */
            four_eyes?: boolean;
            /** @description Longest wait, milliseconds. Default: no limit. */
            expires_ms?: number;
            /**
             * @description The decision if the time is over. Default: `reject`.
             * @enum {string}
             */
            on_expiry?: "approve" | "reject";
        };
        /** @description A plan: several steps that were submitted in one request. */
        Plan: {
            /** @description Unique id, a UUID (version 7). */
            id: string;
            /** @description The id that the client gave it; null if it gave none. */
            client_id: string | null;
            status: components["schemas"]["Status"];
            /**
             * @description `done` is the last phase.
             * @enum {string}
             */
            phase: "scheduled" | "running" | "canceling" | "done";
            /** @description Grows with each change of the stored plan. */
            revision: number;
            /** @description The description of the request. */
            description: string | null;
            /** @description The strategy of the request. */
            strategy: {
                [key: string]: unknown;
            };
            /** @description The params of the request. */
            params: {
                [key: string]: unknown;
            };
            /** @description The operation that runs this plan; null for a plan of a request. */
            operation: {
                /** @description Its name. */
                name: string;
                /** @description Which definition of the operation ran. */
                version: string;
                /** @description Its parameters, with their defaults. */
                params: {
                    [key: string]: unknown;
                };
            } | null;
            /** @description Version of the policy file, then `+` and the version of the operation. Null without both. */
            policy_version: string | null;
            /** @description The user of the execution. */
            user_id: string;
            /** @description The task_id of the request. */
            task_id: string | null;
            labels: components["schemas"]["LabelsShown"];
            /** @description Priority of the steps that have none of their own. */
            priority: number;
            monitor: components["schemas"]["EffectiveMonitor"];
            /** @description Longest time from submission to end, milliseconds; null: no limit. */
            total_ms: number | null;
            /** @description For a plan within a plan: the outer plan. */
            plan_id: string | null;
            /** @description For a plan within a plan: the name of the step. */
            step: string | null;
            /** @description For a rerun: the plan that it repeats. */
            rerun_of: string | null;
            schedule: components["schemas"]["StartedBySchedule"];
            /** @description For a redriven plan: the plan whose completed steps it keeps. */
            redrive_of: string | null;
            /** @description Why it did not complete; null if it has, or has not ended. */
            error: components["schemas"]["ExecutionError"] | null;
            /** @description Its outputs; null until the end. */
            result: unknown;
            /** @description Steps by status. */
            counts: {
                /** @description Steps in total. */
                total: number;
                /** @description Steps that are pending. */
                pending: number;
                /** @description Steps that are running. */
                running: number;
                /** @description Steps that are completed. */
                completed: number;
                /** @description Steps that are failed. */
                failed: number;
                /** @description Steps that are cancelled. */
                cancelled: number;
                /** @description Steps that are timed_out. */
                timed_out: number;
                /** @description Steps that are skipped. */
                skipped: number;
            };
            /** @description Part of the steps that have ended, 0 to 1. */
            progress: number;
            /** @description The chain of steps that decides the duration; null until a step has ended. */
            critical_path: {
                /** @description Names of the steps. */
                steps: string[];
                /** @description Their total duration, milliseconds. */
                duration_ms: number;
            } | null;
            /** @description How long it has taken, milliseconds. */
            duration_ms: number;
            /** @description Times in UTC. */
            timestamps: {
                /** @description The requested start time; null: at once. */
                start_at: string | null;
                /**
                 * Format: date-time
                 * @description When it was accepted.
                 */
                created: string;
                /** @description When it ended. */
                finished: string | null;
            };
            cancel: components["schemas"]["Cancel"];
            /** @description The webhook of the request; null if it has none. The webhook has the id of the execution. */
            webhook: {
                /** @description The receiver. */
                url: string;
                /** @description Events to send. Default: completed, failed, cancelled, timed_out. */
                events: ("accepted" | "queued" | "awaiting" | "started" | "retry_scheduled" | "late_start" | "late" | "stuck" | "status_changed" | "completed" | "failed" | "cancelled" | "timed_out" | "lost" | "skipped")[];
                /** @description Include the result in the last event, as `result`. Default: false. */
                result: boolean;
                /** @description The condition of the request; null: execd sends each event. */
                when: string | null;
                /** @description The template of the request; null: execd sends events as CloudEvents. */
                template: (("slack" | "discord" | "teams") | {
                    /** @description Default: text/plain for a text, else application/json. For mail: text/plain or text/html. */
                    content_type?: string;
                    /** @description Further headers. A value may be a secret: `{"secret": "NAME", "prefix": "Bearer "}`. */
                    headers?: components["schemas"]["HttpHeaders"];
                    /** @description For mail: CEL of the same; the subject, a text. Default: the text of the ready message. */
                    subject?: string;
                    /** @description CEL over `event`, `failures` and `previous`: the body. execd sends a text unchanged, other values as JSON. */
                    body: string;
                }) | null;
                /** @description The secret that execd created. Only in the response to the submission. */
                secret?: string;
            } | null;
            /** @description W3C trace id. */
            trace_id: string;
            /** @description The steps. Absent in lists, and with `steps=false`. */
            steps?: components["schemas"]["StepState"][];
            /** @description With `results=true`: the results of the steps that have ended, in the order of the steps. */
            results?: components["schemas"]["StepResult"][];
            /** @description False: the response has no room for all results. Get the others by their `execution_id`. */
            results_complete?: boolean;
        };
        /** @description A page of plans. */
        PlanList: {
            /** @description Newest first. */
            items: components["schemas"]["Plan"][];
            next_cursor: components["schemas"]["NextCursor"];
        };
        /** @description A step of a plan. */
        StepState: {
            /** @description Name of the step. */
            name: string;
            /**
             * @description The kind of the step. A loop is a plan with a step for each round.
             * @enum {string}
             */
            kind: "exec" | "shell" | "script" | "aws_cli" | "http" | "operation" | "wait" | "plan";
            /**
             * @description Status of the step.
             * @enum {string}
             */
            status: "pending" | "running" | "completed" | "failed" | "cancelled" | "timed_out" | "skipped";
            /**
             * @description Finer than the status.
             * @enum {string}
             */
            phase: "waiting" | "scheduled" | "awaiting" | "joined" | "queued" | "scheduled_retry" | "running" | "canceling" | "done";
            /** @description Its execution; null until it begins, or if it is skipped. */
            execution_id: string | null;
            /** @description Names of the steps that must end first. */
            depends_on: string[];
            /** @description Attempts so far. */
            attempts: number;
            /** @description The progress that it reports, 0 to 100, for the first 32 such steps that run; 0 before its first report. Null if it does not run or has no `progress`, and unless the response is that of `GET /v1/plans/{id}`. */
            percent: number | null;
            /** @description Why it was skipped; null if it was not. */
            skip_reason: ("dependency_failed" | "condition_false" | "nothing_failed" | "stopped" | "cancelled") | null;
            /** @description Why it did not complete; null if it has, or has not ended. */
            error: components["schemas"]["ExecutionError"] | null;
            /** @description For a step that a redrive keeps: the execution that produced the result. */
            kept_from: string | null;
            /** @description When it started. */
            started_at: string | null;
            /** @description When it ended. */
            finished_at: string | null;
            /** @description How long it took, milliseconds. */
            duration_ms: number | null;
        };
        /** @description Result of a check. */
        PlanReport: {
            /** @description Whether execd would accept the plan. */
            valid: boolean;
            /** @description Every problem of the plan. */
            problems: {
                /** @description JSON Pointer into the plan. */
                field: string;
                /** @description The fault of the value, and the allowed values. */
                message: string;
            }[];
            /** @description Names of steps by level: each level depends only on earlier levels. Null if the dependencies form a cycle. */
            levels: string[][] | null;
        };
        /** @description A schedule: work and its due times. */
        CreateSchedule: {
            /** @description Unique among your schedules. */
            name: string;
            /** @description When, as cron: minute, hour, day, month, weekday; a sixth field in front is the second. For example `0 9 * * MON-FRI`. Give exactly one of `cron`, `every_ms` and `at`. */
            cron?: string;
            /** @description Interval, milliseconds, counted from the creation of the schedule or its last change. */
            every_ms?: number;
            /**
             * Format: date-time
             * @description Once, at this time.
             */
            at?: string;
            /** @description Time zone of `cron`, for example `Europe/Berlin`. Default: UTC. */
            timezone?: string;
            /** @description A text of your choice. */
            description?: string;
            /**
             * @description The effect if the run before has not ended. `skip` (default): skip this one. `queue`: start when it has ended. `cancel_previous`: cancel it, then start. `allow`: start at once.
             * @default skip
             * @enum {string}
             */
            overlap: "skip" | "queue" | "cancel_previous" | "allow";
            /**
             * @description The effect if execd was down or late at due times. `skip`: skip them. `once` (default): start once, for the latest. `catch_up`: start once for each, at most `max_catch_up`.
             * @default once
             * @enum {string}
             */
            misfire: "skip" | "once" | "catch_up";
            /**
             * @description With `catch_up`: most missed due times that are made up for, the latest ones.
             * @default 10
             */
            max_catch_up: number;
            /**
             * @description Each start is late by a part of this, milliseconds. The part is the same for the same due time.
             * @default 0
             */
            jitter_ms: number;
            /** @description Ends after this many runs. */
            max_runs?: number;
            /**
             * Format: date-time
             * @description No run is due after this time.
             */
            ends_at?: string;
            /** @description Reports the schedule as silent if none of its runs has completed for this time, milliseconds: once, with the webhook event `silent`, until a run completes. Default: never. */
            silent_after_ms?: number;
            /**
             * @description Create it paused.
             * @default false
             */
            paused: boolean;
            /** @description The work: a spec as for `POST /v1/executions`. Give either `execution` or `plan`. */
            execution?: components["schemas"]["Spec"];
            /** @description The work: a plan as for `POST /v1/plans`. */
            plan?: components["schemas"]["PlanRequest"];
        };
        /** @description A schedule: work and its due times. */
        PutSchedule: {
            /** @description When, as cron: minute, hour, day, month, weekday; a sixth field in front is the second. For example `0 9 * * MON-FRI`. Give exactly one of `cron`, `every_ms` and `at`. */
            cron?: string;
            /** @description Interval, milliseconds, counted from the creation of the schedule or its last change. */
            every_ms?: number;
            /**
             * Format: date-time
             * @description Once, at this time.
             */
            at?: string;
            /** @description Time zone of `cron`, for example `Europe/Berlin`. Default: UTC. */
            timezone?: string;
            /** @description A text of your choice. */
            description?: string;
            /**
             * @description The effect if the run before has not ended. `skip` (default): skip this one. `queue`: start when it has ended. `cancel_previous`: cancel it, then start. `allow`: start at once.
             * @default skip
             * @enum {string}
             */
            overlap: "skip" | "queue" | "cancel_previous" | "allow";
            /**
             * @description The effect if execd was down or late at due times. `skip`: skip them. `once` (default): start once, for the latest. `catch_up`: start once for each, at most `max_catch_up`.
             * @default once
             * @enum {string}
             */
            misfire: "skip" | "once" | "catch_up";
            /**
             * @description With `catch_up`: most missed due times that are made up for, the latest ones.
             * @default 10
             */
            max_catch_up: number;
            /**
             * @description Each start is late by a part of this, milliseconds. The part is the same for the same due time.
             * @default 0
             */
            jitter_ms: number;
            /** @description Ends after this many runs. */
            max_runs?: number;
            /**
             * Format: date-time
             * @description No run is due after this time.
             */
            ends_at?: string;
            /** @description Reports the schedule as silent if none of its runs has completed for this time, milliseconds: once, with the webhook event `silent`, until a run completes. Default: never. */
            silent_after_ms?: number;
            /**
             * @description Create it paused.
             * @default false
             */
            paused: boolean;
            /** @description The work: a spec as for `POST /v1/executions`. Give either `execution` or `plan`. */
            execution?: components["schemas"]["Spec"];
            /** @description The work: a plan as for `POST /v1/plans`. */
            plan?: components["schemas"]["PlanRequest"];
        };
        /** @description A schedule. */
        Schedule: {
            /** @description Name of the schedule. */
            name: string;
            /** @description The description of the request. */
            description: string | null;
            /**
             * @description `active`: runs start when they are due. `paused`: no run starts. `ended`: no more runs are due.
             * @enum {string}
             */
            state: "active" | "paused" | "ended";
            /** @description `no_more_times`: no due time is left. `max_runs`: it has served `max_runs` due times. `key_revoked`: the API key that it was created with was revoked or removed. */
            ended_because: ("no_more_times" | "max_runs" | "key_revoked") | null;
            /** @description When, as cron. */
            cron: string | null;
            /** @description Interval, milliseconds. */
            every_ms: number | null;
            /** @description Once, at this time. */
            at: string | null;
            /** @description Time zone of `cron`. */
            timezone: string;
            /**
             * @description The effect if the run before has not ended.
             * @enum {string}
             */
            overlap: "skip" | "queue" | "cancel_previous" | "allow";
            /**
             * @description The effect of due times at which execd was down or late.
             * @enum {string}
             */
            misfire: "skip" | "once" | "catch_up";
            /** @description With `catch_up`: how many missed due times execd runs at most. */
            max_catch_up: number;
            /** @description Each start is late by a part of this, milliseconds. */
            jitter_ms: number;
            /** @description Ends after this many runs; null: no limit. */
            max_runs: number | null;
            /** @description No run is due after this time; null: no limit. */
            ends_at: string | null;
            /** @description Silent after this time without a completed run, milliseconds; null: never. */
            silent_after_ms: number | null;
            /** @description When execd reported it as silent; null: it is not. */
            silent_since: string | null;
            /** @description When one of its runs completed last; null: none has. */
            last_completed: string | null;
            /** @description The next due times, up to five. Of a paused schedule: as if it were active. */
            next: string[];
            /** @description The last due time that started something. */
            last: string | null;
            /** @description The execution or plan that it started last. */
            last_id: string | null;
            /** @description Due times that it has served, without runs by hand. */
            runs: number;
            /** @description Due times that wait for the end of the run before. */
            waiting: number;
            /** @description Its work, without secrets of webhooks. */
            execution: {
                [key: string]: unknown;
            } | null;
            /** @description The plan that it runs. */
            plan: {
                [key: string]: unknown;
            } | null;
            /** @description The user for whom it runs. */
            user_id: string;
            /**
             * Format: date-time
             * @description When it was created.
             */
            created: string;
            /**
             * Format: date-time
             * @description When it was last changed by a request.
             */
            updated: string;
        };
        /** @description Schedules. */
        ScheduleList: {
            /** @description Your schedules, by name. */
            items: components["schemas"]["Schedule"][];
        };
        /** @description The result of one due time. */
        ScheduleRun: {
            /**
             * Format: date-time
             * @description The due time; of a run by hand, the time of the request.
             */
            due: string;
            /**
             * Format: date-time
             * @description When execd dealt with it.
             */
            decided: string;
            /**
             * @description `started`: see `id`. `waiting`: it waits for the end of the run before. `skipped`: the run before had not ended. `missed`: execd was down or late. `refused`: see `error`.
             * @enum {string}
             */
            result: "started" | "waiting" | "skipped" | "missed" | "refused";
            /** @description The execution or plan. */
            id: string | null;
            /** @description Why it was refused. */
            error: components["schemas"]["ErrorType"] | null;
            /** @description The reason as a sentence, or the missed due times. */
            detail: string | null;
            /** @description Whether it is a run by hand. */
            by_hand: boolean;
        };
        /** @description The results of due times. */
        ScheduleRunList: {
            /** @description The latest 100 due times, the latest first. */
            items: components["schemas"]["ScheduleRun"][];
        };
        /** @description A signal. */
        SignalRequest: {
            /** @description Any JSON value. Default: null. */
            payload?: unknown;
        };
        /** @description A signal to a plan. */
        Signal: {
            /** @description The plan that keeps it: of inner plans, the outermost. */
            plan_id: string;
            /** @description Unique with the plan: the Idempotency-Key of the request, or one that execd made. */
            id: string;
            /** @description Name of the signal. */
            name: string;
            /** @description The payload. */
            payload: unknown;
            /** @description The user who sent it. */
            by: string;
            /**
             * Format: date-time
             * @description When it was stored.
             */
            time: string;
            /** @description The execution of the first step that ended by it; null while no step waited for it. */
            taken_by: string | null;
        };
        /** @description The signals of a plan. */
        SignalList: {
            /** @description Oldest first. */
            items: components["schemas"]["Signal"][];
        };
        /** @description A decision on an approval. */
        DecisionRequest: {
            /**
             * @description `approve` or `reject`. It cannot be changed later.
             * @enum {string}
             */
            decision: "approve" | "reject";
            /** @description The reason, for later steps and readers. */
            comment?: string;
        };
        Decision: {
            /** @description The user who decided. */
            user: string;
            /**
             * @description The decision.
             * @enum {string}
             */
            decision: "approve" | "reject";
            /** @description Why; null if they gave no comment. */
            comment: string | null;
            /**
             * Format: date-time
             * @description When.
             */
            time: string;
        };
        /** @description An approval that a step of a plan waits for. */
        Approval: {
            /** @description The plan. */
            plan_id: string;
            /** @description The step that waits. */
            step: string;
            /** @description The execution of the step. */
            execution_id: string;
            /**
             * @description `waiting`: it needs decisions. `ended`: its plan was cancelled before there were enough.
             * @enum {string}
             */
            state: "waiting" | "approved" | "rejected" | "ended";
            /** @description The question. */
            message: string | null;
            /** @description The description of the plan. */
            description: string | null;
            /** @description The user of the plan. */
            user_id: string;
            /** @description Users who may decide; null: the user of the plan. */
            users: string[] | null;
            /** @description Number of approvals that the step needs. */
            required: number;
            /** @description Whether the user of the plan may not decide. */
            four_eyes: boolean;
            /** @description When its time is up; null: never. */
            expires_at: string | null;
            /**
             * @description The decision at the expiry.
             * @enum {string}
             */
            on_expiry: "approve" | "reject";
            /** @description Decisions so far, the oldest first. */
            decisions: components["schemas"]["Decision"][];
        };
        /** @description Approvals that wait for your decision. */
        ApprovalList: {
            /** @description At most 100, the oldest first. */
            items: components["schemas"]["Approval"][];
        };
        /** @description Links for a decision. */
        LinksRequest: {
            /** @description How long they can be used, seconds. Default: a day. They end with the approval at the latest. */
            expires_s?: number;
        };
        /** @description One-time links. Anyone who opens one can decide, in the name of the user who requested it. */
        DecisionLinks: {
            /** @description Opens a page with a button that approves. */
            approve: string;
            /** @description Opens a page with a button that rejects. */
            reject: string;
            /** @description The user as whom the links decide: you. */
            user: string;
            /**
             * Format: date-time
             * @description When they expire.
             */
            expires: string;
        };
        /** @description A pause. */
        PauseRequest: {
            /** @description Why, for those who wait. */
            reason?: string;
        };
        /** @description A pause. */
        Pause: {
            /** @description The paused thing, as in the path. */
            what: string;
            /** @description The user of a concurrency key; else null. */
            user_id: string | null;
            /** @description The reason; null if none was given. */
            reason: string | null;
            /** @description The user who paused it. */
            by: string;
            /**
             * Format: date-time
             * @description The time of the pause.
             */
            since: string;
        };
        /** @description The current pauses. */
        PauseList: {
            /** @description The oldest first. */
            items: components["schemas"]["Pause"][];
        };
        /** @description Slots of a server. */
        RunnerSlots: {
            /** @description How many attempts may run at a time; null if it is unknown. */
            max: number | null;
            /** @description How many attempts run. */
            running: number;
            /** @description Ids of running executions, the oldest first, at most 100. */
            executions: string[];
        };
        /** @description A server that starts nothing new. */
        RunnerDrain: {
            /**
             * Format: date-time
             * @description Since when.
             */
            since: string;
            /** @description Who drained it. */
            by: string;
            /** @description The reason; null if none was given. */
            reason: string | null;
        };
        /** @description A drain of a server. */
        DrainRequest: {
            /** @description Why, for those who wait. */
            reason?: string;
        };
        /** @description A server. */
        Runner: {
            /** @description `EXECUTION_REPLICA_NAME`, or the host name; `only` with the embedded store. */
            name: string;
            /** @description Whether this server sends the response. */
            self: boolean;
            /** @description Its host name; null if it is unknown. */
            host: string | null;
            /** @description Its version; null if it is unknown. */
            version: string | null;
            /** @description Version of its policy file; null without one, or if it is unknown. */
            policy_version: string | null;
            /** @description Version of its operations file; null without one, or if it is unknown. */
            operations_version: string | null;
            /** @description `EXECUTION_ROLE`; null if it is unknown. */
            role: ("all" | "api" | "runner") | null;
            /** @description The pools that it serves (`EXECUTION_POOL`); null if they are unknown. */
            pools: string[] | null;
            /**
             * Format: date-time
             * @description When it started.
             */
            since: string;
            /** @description Until when others leave its work to it; it renews that. Null with the embedded store. */
            lease_until: string | null;
            /** @description Since when it is drained; null if it is not. */
            drain: components["schemas"]["RunnerDrain"] | null;
            /** @description Its slots and running executions. */
            slots: {
                /** @description For commands. */
                process: components["schemas"]["RunnerSlots"];
                /** @description For HTTP calls. */
                http: components["schemas"]["RunnerSlots"];
            };
        };
        /** @description Counts by the kind of slots. */
        RunnerPoolCounts: {
            /** @description For commands. */
            process: number;
            /** @description For HTTP calls. */
            http: number;
        };
        /** @description A pool of servers. */
        RunnerPool: {
            /** @description Its name. */
            name: string;
            /** @description Executions that wait for a slot of it. */
            queued: components["schemas"]["RunnerPoolCounts"];
            /** @description Slots of the servers that serve it. */
            slots: components["schemas"]["RunnerPoolCounts"];
            /** @description Names of these servers; empty if no server serves it. */
            servers: string[];
        };
        /** @description Servers. */
        RunnerList: {
            /** @description The longest running first. */
            items: components["schemas"]["Runner"][];
            /** @description Pools that servers serve or that executions wait for, by name. */
            pools: components["schemas"]["RunnerPool"][];
        };
        /** @description Statistics of the cache since the start of the server. */
        CacheStats: {
            /** @description Results in the cache. */
            entries: number;
            /** @description Most results that the cache holds. */
            max_entries: number;
            /** @description Memory that the results take, roughly. */
            bytes: number;
            /** @description Most memory that the results take. */
            max_bytes: number;
            /** @description Results that have a TTL. */
            expiring: number;
            /** @description Lookups that found a result. */
            hits: number;
            /** @description Lookups that found none. */
            misses: number;
            /** @description Hits per lookup; null before the first one. */
            hit_ratio: number | null;
            /** @description Executions that shared the run of another one. */
            joined: number;
            /** @description Results that were stored. */
            stores: number;
            /** @description Results that were too large to be stored. */
            refused: number;
            /** @description Results that execd removed to make room. */
            evictions: number;
            /** @description Results that reached the end of their TTL. */
            expirations: number;
        };
        /** @description A stored result. */
        CacheEntry: {
            /** @description The cache key. */
            key: string;
            /** @description Whose result it is; null: all users share it. */
            user_id: string | null;
            /** @description Name of the operation; null for other kinds. */
            operation: string | null;
            /** @description The execution that produced the result; null for a value that was put into the cache. */
            run_id: string | null;
            /** @description The result. */
            result: unknown;
            /** @description The output of that execution; null for a value that was put into the cache. */
            output: {
                /** @description Bytes of standard output. */
                stdout_bytes: number;
                /** @description Bytes of standard error. */
                stderr_bytes: number;
                /** @description Bytes of standard output that the log keeps. */
                stdout_kept_bytes: number;
                /** @description Bytes of standard error that the log keeps. */
                stderr_kept_bytes: number;
            } | null;
            /**
             * Format: date-time
             * @description When it was stored.
             */
            stored_at: string;
            /** @description Age, seconds. */
            age_s: number;
            /** @description Time left, seconds; null: until it is evicted. */
            ttl_s: number | null;
        };
        /** @description A circuit breaker. */
        Circuit: {
            /** @description The name: the kind and the target. */
            name: string;
            /**
             * @description `closed`: calls pass. `open`: calls fail at once. `half_open`: a probe passes. `isolated`: calls fail at once until the circuit is reset.
             * @enum {string}
             */
            state: "closed" | "open" | "half_open" | "isolated";
            /** @description Calls in the current window. */
            calls: number;
            /** @description Failures in the current window. */
            failures: number;
            /** @description How often it has opened. */
            opened: number;
            /** @description Executions that it has rejected. */
            rejected: number;
            /** @description Time until the next probe, milliseconds; null unless it is open. */
            next_probe_ms: number | null;
        };
        /** @description Circuits. */
        CircuitList: {
            /** @description Circuits that were used. */
            items: components["schemas"]["Circuit"][];
        };
        /** @description An operation that you can run by its name. */
        Operation: {
            /** @description Name of the operation. */
            name: string;
            /** @description The description by the operator. */
            description: string;
            /** @description JSON Schema (2020-12) of the parameters. */
            params: {
                [key: string]: unknown;
            };
            /**
             * @description The kind and its fields.
             * @enum {string}
             */
            kind: "exec" | "shell" | "script" | "aws_cli" | "http" | "plan";
            /** @description Names this definition; `policy_version` of its executions ends with it. */
            version: string;
            /** @description How other systems start it by signed requests; null: they cannot. */
            hook: {
                /** @description The path for deliveries. */
                path: string;
                /**
                 * @description How deliveries are signed.
                 * @enum {string}
                 */
                scheme: "github" | "gitlab" | "slack" | "standard" | "hmac" | "token";
                /** @description The user for whom deliveries run the operation. */
                user: string;
                /**
                 * @description Whether the response waits for the end, or is the output.
                 * @enum {string}
                 */
                answer: "accepted" | "wait" | "raw";
            } | null;
            policy: components["schemas"]["OperationPolicy"];
        };
        /** @description The policy of an operation with all defaults. A request can override most of it. */
        OperationPolicy: {
            /** @description Time limits. */
            timeouts: {
                /** @description Longest wait for a slot, milliseconds; null: no limit. */
                queue_ms: number | null;
                /** @description Longest attempt, from start to end, milliseconds. */
                attempt_ms: number;
                /** @description Longest time from submission to end, with all retries, milliseconds; null: no limit. */
                total_ms: number | null;
                /** @description Longest time without output, milliseconds; null: no limit. */
                idle_ms: number | null;
            };
            /** @description When execd reports its executions as late or stuck; null: never. */
            monitor: components["schemas"]["Monitor"] | null;
            /** @description Limits of the processes; null for HTTP calls. */
            limits: components["schemas"]["EffectiveLimits"] | null;
            /** @description How execd ends the processes; null if there are none. */
            stop: components["schemas"]["StopPolicy"] | null;
            /** @description Null: off. */
            adaptive_timeout: {
                /** @description Multiple of the 99th percentile of earlier attempts. */
                factor: number;
                /** @description Shortest limit, milliseconds. */
                min_ms: number;
                /** @description Longest limit, milliseconds. */
                max_ms: number;
                /** @description Attempts before it applies. */
                min_samples: number;
                /** @description Limit of the next attempt, milliseconds; null until there were enough attempts. */
                current_ms: number | null;
            } | null;
            /** @description Retries; null: one attempt. */
            retry: {
                /** @description Attempts in total. */
                attempts: number;
                /** @description Wait after the first attempt, seconds. */
                multiplier: number;
                /** @description Shortest wait, milliseconds. */
                min_ms: number;
                /** @description Longest wait, milliseconds. */
                max_ms: number;
                /** @description Random part of the wait, 0 to 1. */
                jitter: number;
                /** @description The ends that execd retries; null: those that another attempt can cure. */
                retry_on: components["schemas"]["RetryOn"] | null;
            } | null;
            /** @description How many retries the executions of the operation have together. */
            retry_budget: {
                /** @description Retries that each execution adds. */
                ratio: number;
                /** @description Retries that each second adds. */
                per_second: number;
                /** @description Most retries that can be saved up. */
                burst: number;
            };
            /** @description Whether an interrupted attempt is retried. */
            retry_safe: boolean;
            /** @description Null: no circuit. */
            circuit: components["schemas"]["Breaker"] | null;
            /** @description Most executions at a time; null: no limit of its own. */
            concurrency: number | null;
            /** @description Null: no cache unless the request has a cache block. */
            cache: {
                /**
                 * @description How executions use the cache.
                 * @enum {string}
                 */
                mode: "read_write" | "read" | "write" | "refresh" | "bypass";
                /** @description How long execd keeps a result, seconds; 0: until it is evicted. */
                ttl_s: number;
                /** @description The users who share a result; null: `task` if task_id is given, else `user`. */
                scope: ("task" | "user" | "global") | null;
                /** @description Fields that are not part of the cache key. */
                key_exclude: string[];
                /** @description Part of the cache key. */
                salt: string | null;
            } | null;
            /** @description Whether a request may use the cache. */
            cacheable: boolean;
            /** @description Higher runs earlier. */
            priority: number;
            /**
             * @description The effect if no slot is free.
             * @enum {string}
             */
            on_limit: "queue" | "reject";
            /** @description The part of the output that execd keeps. */
            output: {
                /** @description Most bytes of output that the log keeps. */
                max_bytes: number;
                /**
                 * @description The effect of more output.
                 * @enum {string}
                 */
                oversized: "truncate" | "fail" | "spool";
                /** @description Most bytes of each stream that the result holds. */
                result_bytes: number;
                /** @description How the output is parsed. */
                parse: "json" | null;
            };
            /** @description Labels that its executions get. */
            labels: {
                [key: string]: string;
            };
            /** @description Price; null: the price of the kind that it runs. */
            cost: components["schemas"]["Price"] | null;
        };
        /** @description A circuit breaker that counts failures in a row. */
        ConsecutiveBreaker: {
            /**
             * @description Opens after failures in a row.
             * @constant
             */
            type: "consecutive";
            /** @description How many failures in a row open it. */
            failures: number;
            /** @description Time between opening and the first probe, milliseconds. */
            open_ms: number;
            /** @description Each probe that fails doubles `open_ms`, up to this many milliseconds. Without it, `open_ms` does not change. */
            max_open_ms?: number;
            /** @description Successful probes in a row that close it. */
            probes: number;
            /** @description Whether failures of the request or command count. */
            count_user_faults: boolean;
        };
        /** @description A circuit breaker that measures the ratio of failures. */
        SamplingBreaker: {
            /**
             * @description Opens at a ratio of failures.
             * @constant
             */
            type: "sampling";
            /** @description Ratio of failures that opens it, 0 to 1. */
            ratio: number;
            /** @description Calls in the window before it can open. */
            min_calls: number;
            /** @description The window, milliseconds. */
            window_ms: number;
            /** @description Time between opening and the first probe, milliseconds. */
            open_ms: number;
            /** @description Each probe that fails doubles `open_ms`, up to this many milliseconds. Without it, `open_ms` does not change. */
            max_open_ms?: number;
            /** @description Successful probes in a row that close it. */
            probes: number;
            /** @description Whether failures of the request or command count. */
            count_user_faults: boolean;
        };
        /** @description The settings of the circuit of the operation. */
        Breaker: components["schemas"]["ConsecutiveBreaker"] | {
            /**
             * @description Opens at a ratio of failures among the last calls.
             * @constant
             */
            type: "count";
            /** @description Ratio of failures that opens it, 0 to 1. */
            ratio: number;
            /** @description How many of the last calls count. */
            size: number;
            /** @description The least number of calls before it can open. Default: `size`. */
            min_calls?: number;
            /** @description Time between opening and the first probe, milliseconds. */
            open_ms: number;
            /** @description Each probe that fails doubles `open_ms`, up to this many milliseconds. Without it, `open_ms` does not change. */
            max_open_ms?: number;
            /** @description Successful probes in a row that close it. */
            probes: number;
            /** @description Whether failures of the request or command count. */
            count_user_faults: boolean;
        } | components["schemas"]["SamplingBreaker"];
        /** @description A price, in credits. */
        Price: {
            /** @description Credits for each execution that runs. */
            per_run: number;
            /** @description Credits for each second of run time, all attempts together. */
            per_second: number;
            /** @description Credits for each million bytes of output that the log keeps. */
            per_mb: number;
            /** @description Extra credits for every Nth execution of a user within a window, where N is `executions`. */
            every?: {
                /** @description Number of executions after which execd adds the credits. */
                executions: number;
                /** @description Length of the window, seconds. */
                window_s: number;
                /** @description Credits that execd adds. */
                credits: number;
            };
            /** @description Credits for a cache hit. */
            hit: number;
            /** @description Credits for sharing the run of another execution. */
            joined: number;
        };
        /** @description How execd ends the processes. */
        StopPolicy: {
            /**
             * @description The first signal to the processes, before SIGKILL.
             * @enum {string}
             */
            signal: "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGQUIT" | "SIGUSR1" | "SIGUSR2";
            /** @description Time between this signal and SIGKILL, milliseconds. */
            grace_ms: number;
            /**
             * @description `all`: every process gets the signal. `main`: the first process gets it, and the others when the first has ended.
             * @enum {string}
             */
            scope: "all" | "main";
        };
        /** @description Operations. */
        OperationList: {
            /** @description All operations, by name. */
            items: components["schemas"]["Operation"][];
        };
        /** @description The definition of an operation, as in the operations file: `description`, `params`, `run` and policies. */
        OperationDefinition: {
            [key: string]: unknown;
        };
        /** @description An operation that was put by API. */
        StoredOperation: {
            /** @description Name of the operation. */
            name: string;
            definition: components["schemas"]["OperationDefinition"];
            /** @description The user who stored it last. */
            put_by: string;
            /**
             * Format: date-time
             * @description When.
             */
            put_at: string;
            /**
             * @description `active`: it can run. `shadowed`: the operations file defines this name too, and that definition applies. `invalid`: the settings of the server no longer allow it.
             * @enum {string}
             */
            state: "active" | "shadowed" | "invalid";
            /** @description Why it is `invalid`. */
            problems: {
                /** @description JSON Pointer into the definition. */
                field: string;
                /** @description The fault. */
                message: string;
            }[];
        };
        /** @description Operations that were put by API. */
        StoredOperationList: {
            /** @description By name. */
            items: components["schemas"]["StoredOperation"][];
        };
        /** @description The number of definitions. */
        Reloaded: {
            /** @description Operations that are defined now. */
            operations: number;
            /** @description Circuits that are defined now. */
            circuits: number;
        };
        /** @description The result of a delivery. */
        HookAnswer: {
            /**
             * @description `accepted`: an execution was accepted. `replayed`: an earlier delivery with the same id started it. `skipped`: `when` of the hook is false. `challenge`: the answer to the URL check of Slack.
             * @enum {string}
             */
            result: "accepted" | "replayed" | "skipped" | "challenge";
            /** @description Id of the execution; null if there is none. */
            execution_id: string | null;
            /** @description Its status; null if there is none. */
            status: components["schemas"]["Status"] | null;
            /** @description Exit code of its command; null before the end, or if there is none. */
            exit_code: number | null;
            /** @description The text that Slack has sent. */
            challenge?: string;
        };
        /** @description The cost of an execution, credits. */
        Cost: {
            /** @description The most that it can cost. */
            reserved: number;
            /** @description The charged credits; null until it is charged, shortly after its end. */
            charged: number | null;
            /** @description Part of the reservation that was returned. */
            refunded: number | null;
            /** @description Balance of the account after the charge. */
            balance_after: number | null;
            /** @description Balance of the account when the execution was accepted. */
            balance: number | null;
            /** @description The credits that were then available for further executions: the balance minus all reservations. */
            available: number | null;
        };
        /** @description The credits of a user. */
        Account: {
            /** @description The user. */
            user_id: string;
            /** @description Sum of all entries. */
            balance: number;
            /** @description Reserved for executions that are not charged yet. */
            reserved: number;
            /** @description `balance` minus `reserved`: the credits that new executions can reserve. */
            available: number;
        };
        /** @description One entry of the ledger of an account. */
        LedgerEntry: {
            /** @description Position in the ledger of the server. */
            position: number;
            /**
             * @description `refund`: an execution was charged nothing.
             * @enum {string}
             */
            kind: "grant" | "charge" | "refund";
            /** @description Change of the balance. */
            amount: number;
            /** @description Balance after the entry. */
            balance_after: number;
            /** @description The execution; null for a grant. */
            execution_id: string | null;
            /** @description The credits reserved for the execution. */
            reserved: number | null;
            /** @description Part of the reservation that was returned. */
            refunded: number | null;
            /** @description Id of the grant; null for an execution. */
            grant_id: string | null;
            /** @description The note of the grant. */
            note: string | null;
            /** @description The administrator who made the grant. */
            by: string | null;
            /**
             * Format: date-time
             * @description When it was made.
             */
            at: string;
            /** @description Whether the balance fell below the threshold. */
            low_balance: boolean;
        };
        /** @description A page of entries. */
        LedgerPage: {
            /** @description Newest first. */
            items: components["schemas"]["LedgerEntry"][];
            next_cursor: components["schemas"]["NextCursor"];
        };
        /** @description A grant of credits. */
        GrantRequest: {
            /** @description Credits to grant. A negative number takes back credits that are available. */
            amount: number;
            /** @description A text of your choice, which the entry shows. */
            note?: string;
        };
        /** @description An API key, without the key itself. */
        ApiKey: {
            /** @description Id of the key. */
            id: string;
            /** @description The user of the execution. */
            user: string;
            /** @description The rights of the key on the API. */
            scopes: ("submit" | "read" | "cancel" | "admin")[];
            /** @description The work that the key may run. */
            may_run: components["schemas"]["MayRun"];
            /** @description The description of the request. */
            description: string | null;
            /**
             * @description `file`: the key is in the keys file; change it there.
             * @enum {string}
             */
            source: "store" | "file";
            /**
             * @description Only an active key is accepted.
             * @enum {string}
             */
            status: "active" | "expired" | "revoked";
            /** @description When it was created; null for keys of the keys file. */
            created_at: string | null;
            /** @description The administrator who created it; null for keys of the CLI and the keys file. */
            created_by: string | null;
            /** @description Id of the key that it replaces. */
            replaces: string | null;
            /** @description When it expires; null: never. */
            expires_at: string | null;
            /** @description When it was revoked; null if it was not. */
            revoked_at: string | null;
            /** @description When it was last used, to the minute; null for keys of the keys file. */
            last_used_at: string | null;
        };
        /** @description A new API key. */
        NewApiKey: {
            /** @description Id of the key. */
            id: string;
            /** @description The user of the execution. */
            user: string;
            /** @description The rights of the key on the API. */
            scopes: ("submit" | "read" | "cancel" | "admin")[];
            /** @description The work that the key may run. */
            may_run: components["schemas"]["MayRun"];
            /** @description The description of the request. */
            description: string | null;
            /**
             * @description `file`: the key is in the keys file; change it there.
             * @enum {string}
             */
            source: "store" | "file";
            /**
             * @description Only an active key is accepted.
             * @enum {string}
             */
            status: "active" | "expired" | "revoked";
            /** @description When it was created; null for keys of the keys file. */
            created_at: string | null;
            /** @description The administrator who created it; null for keys of the CLI and the keys file. */
            created_by: string | null;
            /** @description Id of the key that it replaces. */
            replaces: string | null;
            /** @description When it expires; null: never. */
            expires_at: string | null;
            /** @description When it was revoked; null if it was not. */
            revoked_at: string | null;
            /** @description When it was last used, to the minute; null for keys of the keys file. */
            last_used_at: string | null;
            /** @description The key itself. It is shown only once, here. */
            key: string;
        };
        /** @description API keys. */
        ApiKeyList: {
            /** @description The keys of all users. */
            items: components["schemas"]["ApiKey"][];
        };
        /** @description A request for an API key. */
        ApiKeyRequest: {
            /** @description Id of the key. Default: a random one. */
            id?: string;
            /** @description The user of the key. */
            user: string;
            /** @description The rights of the key on the API. */
            scopes: ("submit" | "read" | "cancel" | "admin")[];
            /**
             * @description The work that the key may run.
             * @default policy
             */
            may_run: components["schemas"]["MayRun"];
            /**
             * Format: date-time
             * @description When it expires. Default: never.
             */
            expires_at?: string;
            /** @description A text of your choice. */
            description?: string;
        };
        /** @description How to rotate a key. */
        KeyRotation: {
            /** @description How long the old key stays valid, seconds. Default: 86400 (one day). */
            overlap_s?: number;
        };
        MayRun: "any" | "policy" | components["schemas"]["Grant"][];
        Grant: {
            /** @description A program for kind `exec`, by absolute path, with any arguments and working directory. */
            program: string;
            /**
             * @description Environment variables that the request may set.
             * @default []
             */
            env: string[];
        } | {
            /** @description An operation, with any parameters that it takes. */
            operation: string;
        } | {
            /** @description A template of the policy file. */
            template: string;
        } | {
            /** @description A host for kind `http`, at any port. */
            host: string;
        };
        /** @description Your user and your rights. */
        Me: {
            /** @description The user whose executions you see and submit. */
            user_id: string;
            /** @description The administrator who acts for this user; null if you act for yourself. */
            acting_user: string | null;
            /** @description Your rights on the API. */
            scopes: ("submit" | "read" | "cancel" | "admin")[];
            /** @description The work that your key or token allows; `policy`: all that the policy file allows. */
            may_run: components["schemas"]["MayRun"];
            /** @description The work that the policy file allows you, beside `may_run`; null on a server without a policy file. */
            policy_may_run: ("any" | components["schemas"]["Grant"][]) | null;
            /** @description Null on a server without keys, which has one user: `local`. */
            credential: {
                /**
                 * @description The kind of credential of the request.
                 * @enum {string}
                 */
                type: "key" | "token";
                /** @description Id of the key, or `jti` of the token; null if the token has none. */
                id: string | null;
                /** @description When it expires; null: never. */
                expires_at: string | null;
            } | null;
        };
        /** @description The use of the server by a user. */
        Usage: {
            /** @description The user. */
            user_id: string;
            /** @description The shared resource. */
            items: {
                /**
                 * @description `running` and `queued`: executions. `store_bytes`: requests, results and steps of plans. `logs`: one for each attempt.
                 * @enum {string}
                 */
                what: "running" | "queued" | "store_bytes" | "log_bytes" | "logs";
                /** @description Your use of it. */
                used: number;
                /** @description Your limit; null: none of your own. */
                limit: number | null;
                /** @description The use by all users. */
                used_by_all: number;
                /** @description The limit of all users; null: none. */
                limit_of_all: number | null;
            }[];
        };
        /** @description The settings of the server. */
        SettingList: {
            /** @description All settings. */
            items: {
                /** @description Name of the environment variable. */
                name: string;
                /** @description Its value, after the default; null: it is unset and has no default. */
                value: string | null;
                /** @description Whether it differs from its default. */
                is_set: boolean;
                /** @description Its unit. */
                unit: string;
                /** @description The meaning of the setting. */
                about: string;
            }[];
        };
        /** @description Statistics of the server. */
        Stats: {
            /** @description Executions by status. */
            executions: {
                /** @description Executions that are pending. */
                pending: number;
                /** @description Executions that are running. */
                running: number;
                /** @description Executions that are completed. */
                completed: number;
                /** @description Executions that are failed. */
                failed: number;
                /** @description Executions that are cancelled. */
                cancelled: number;
                /** @description Executions that are timed_out. */
                timed_out: number;
            };
            /** @description Executions in total. */
            total: number;
            /** @description Ratios since the start of the server; null while nothing has been counted. */
            ratios: {
                /** @description Cache lookups that found a result. */
                cache_hit: number | null;
                /** @description Executions that timed out, of those that have ended. */
                timeout: number | null;
                /** @description Retries, of all attempts. */
                retry: number | null;
                /** @description Memory of the server, as a part of the memory of its container or machine. */
                memory: number | null;
            };
            /** @description Slots for processes. */
            concurrency: components["schemas"]["Slots"];
            /** @description Slots for HTTP calls. */
            http_concurrency: components["schemas"]["Slots"];
            /** @description The queue. */
            queue: {
                /** @description Executions that wait. */
                depth: number;
                /** @description Age of the oldest one, milliseconds. */
                oldest_age_ms: number;
            };
            /** @description Output counters of running executions, which are stored with a delay. */
            write_behind: {
                /** @description Counters that are not stored yet. */
                waiting: number;
                /** @description Age of the oldest one, milliseconds. */
                lag_ms: number;
                /** @description Writes so far. */
                flushes: number;
                /** @description Writes that failed. */
                failures: number;
            };
            /** @description The store. */
            store: {
                /** @description Transactions so far. */
                commits: number;
                /** @description Groups of changes in them. */
                groups: number;
                /** @description Groups that wait for a transaction. */
                waiting: number;
                /** @description Mean duration of a transaction, milliseconds. */
                commit_ms_mean: number;
            };
            /** @description The process that starts commands. */
            runner_host: {
                /** @description `native` or `node`. */
                name: string;
                /** @description Process id; null while it is down. */
                pid: number | null;
                /** @description How often it was restarted. */
                restarts: number;
                /** @description Whether it can start commands. */
                ready: boolean;
                /** @description Isolation tiers that the server offers; the first one is the default. */
                isolation: components["schemas"]["IsolationTier"][];
            };
            /** @description Open requests that wait. */
            waiting: {
                /** @description Open long polls. */
                polls: number;
                /** @description Clients that follow a log. */
                log_followers: number;
            };
            /** @description Streams of server-sent events. */
            streams: {
                /** @description Open streams of one execution. */
                execution: number;
                /** @description Open streams of all events. */
                events: number;
                /** @description Open streams of logs. */
                log: number;
                /** @description Open WebSockets. */
                attach: number;
                /** @description Streams whose client is not reading. */
                blocked: number;
                /** @description Messages since the start. */
                sent: number;
                /** @description Streams that were closed because the client did not read. */
                cut_slow: number;
                /** @description Streams that were closed by a shutdown. */
                cut_shutdown: number;
            };
            cache: components["schemas"]["CacheStats"];
        };
        /** @description Use of slots. */
        Slots: {
            /** @description Slots in total. */
            max: number;
            /** @description Slots in use. */
            running: number;
            /** @description Executions that wait for a slot. */
            pending: number;
            /** @description Free slots. */
            available: number;
        };
        /** @description Health of the server. */
        Health: {
            /**
             * @description `healthy` if all components are.
             * @enum {string}
             */
            status: "healthy" | "unhealthy";
            /**
             * Format: date-time
             * @description When this was checked.
             */
            timestamp: string;
            /** @description Version of execd. */
            version: string;
            /** @description Results in the cache. */
            cache_size: number;
            /** @description Detail of the first unhealthy component. */
            error: string | null;
            /** @description Components. */
            components: {
                /** @description A component. */
                store: {
                    /**
                     * @description Whether the component works.
                     * @enum {string}
                     */
                    status: "healthy" | "unhealthy";
                    /** @description Why it does not; null if it does. */
                    detail: string | null;
                };
                /** @description The process that starts commands. */
                runner_host: {
                    /**
                     * @description Whether the component works.
                     * @enum {string}
                     */
                    status: "healthy" | "unhealthy";
                    /** @description Why it does not; null if it does. */
                    detail: string | null;
                    /** @description `native` or `node`. */
                    name: string;
                    /** @description Isolation tiers that the server offers; the first one is the default. */
                    isolation: components["schemas"]["IsolationTier"][];
                };
                /** @description A component. */
                intake: {
                    /**
                     * @description Whether the component works.
                     * @enum {string}
                     */
                    status: "healthy" | "unhealthy";
                    /** @description Why it does not; null if it does. */
                    detail: string | null;
                };
                /** @description The cache. Each check writes a value beside the stored results and reads it back. */
                cache: {
                    /**
                     * @description Whether the component works.
                     * @enum {string}
                     */
                    status: "healthy" | "unhealthy";
                    /** @description Why it does not; null if it does. */
                    detail: string | null;
                };
                /** @description The directory of logs. execd writes a probe to it every 5 s, and every second while that fails. */
                logs: {
                    /**
                     * @description Whether the component works.
                     * @enum {string}
                     */
                    status: "healthy" | "unhealthy";
                    /** @description Why it does not; null if it does. */
                    detail: string | null;
                };
                /** @description The size of the data. While it is above its bound, execd removes executions and `detail` names both sizes; the component stays healthy. */
                data: {
                    /**
                     * @description Whether the component works.
                     * @enum {string}
                     */
                    status: "healthy" | "unhealthy";
                    /** @description Why it does not; null if it does. */
                    detail: string | null;
                    /** @description Bytes of records and logs in the data directory, roughly. */
                    bytes: number;
                    /** @description The bound, EXECUTION_MAX_DATA_BYTES. */
                    max_bytes: number;
                };
                /** @description How this server learns of changes by other servers on the same database. `detail` is the reason for a delay; the component stays healthy. */
                feed: {
                    /**
                     * @description Whether the component works.
                     * @enum {string}
                     */
                    status: "healthy" | "unhealthy";
                    /** @description Why it does not; null if it does. */
                    detail: string | null;
                };
                /** @description The private directories of commands, probed in the same way. */
                work_directories: {
                    /**
                     * @description Whether the component works.
                     * @enum {string}
                     */
                    status: "healthy" | "unhealthy";
                    /** @description Why it does not; null if it does. */
                    detail: string | null;
                };
            };
        };
        /** @description Result of a probe. */
        Probe: {
            /**
             * @description `ok`, or why not in `reason`.
             * @enum {string}
             */
            status: "ok" | "unavailable";
            /** @description Why the server is unavailable; null if it is not. */
            reason: string | null;
        };
        /** @description An upload. */
        Upload: {
            /** @description Its id, for `files[].upload`. */
            id: string;
            /** @description Bytes that it has, or will have. */
            size: number;
            /** @description Bytes that execd has. Continue an upload there. */
            received: number;
            /** @description Whether all bytes are there. */
            complete: boolean;
            /** @description SHA-256 of the bytes; null until execd has all bytes. */
            digest: string | null;
            /**
             * Format: date-time
             * @description When it was begun.
             */
            created_at: string;
            /** @description When execd removes it. Executions that use it keep its bytes. */
            expires_at: string | null;
        };
        /** @description A file that an execution has left. */
        Artifact: {
            /** @description Path below the private directory. */
            path: string;
            /** @description Bytes. */
            size: number;
            /** @description SHA-256 of the bytes, in hexadecimal digits. */
            digest: string;
            /** @description Media type by the ending of the name. */
            media_type: string;
        };
        /** @description The artifacts of an execution. */
        ArtifactList: {
            /** @description By path. */
            items: components["schemas"]["Artifact"][];
            /** @description How many there are. */
            count: number;
            /** @description Bytes of all. */
            bytes: number;
        };
        /** @description The files of the last attempt, kept and left. */
        FilesEnd: {
            /** @description The first 200 artifacts; the others are listed by their route. */
            readonly items: components["schemas"]["Artifact"][];
            /** @description How many there are. */
            count: number;
            /** @description Bytes of all. */
            bytes: number;
            /** @description Requested artifacts that execd did not keep. */
            readonly problems: {
                /** @description The path or pattern. */
                path: string;
                /** @description Why. */
                reason: string;
            }[];
            /** @description Files that the command left in the private directory, that `artifacts` does not name, and that execd removed. */
            left: {
                /** @description How many. */
                count: number;
                /** @description Bytes of all. */
                bytes: number;
                /** @description The first 20. */
                readonly paths: string[];
            };
        };
        /** @description The input of an execution. */
        InputState: {
            /** @description The execution. */
            execution_id: string;
            /** @description The attempt that reads it. */
            attempt: number;
            /** @description Bytes of input that execd has taken in for this attempt. */
            offset: number;
            /** @description Whether it takes more. */
            open: boolean;
        };
        CommandSignal: {
            /**
             * @description The signal.
             * @enum {string}
             */
            signal: "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGQUIT" | "SIGUSR1" | "SIGUSR2" | "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGTSTP" | "SIGWINCH" | "SIGALRM";
            /**
             * @description `all` (default): every process of the command gets it. `main`: the first process gets it.
             * @enum {string}
             */
            scope?: "all" | "main";
        };
        /** @description A signal that was sent. */
        CommandSignalSent: {
            /** @description The execution. */
            execution_id: string;
            /** @description The attempt that it was sent to. */
            attempt: number;
            /**
             * @description The signal.
             * @enum {string}
             */
            signal: "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGQUIT" | "SIGUSR1" | "SIGUSR2" | "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGTSTP" | "SIGWINCH" | "SIGALRM";
            /**
             * @description The processes that get it.
             * @enum {string}
             */
            scope: "all" | "main";
        };
        /** @description The number of removed entries. */
        Removed: {
            /** @description How many were removed. */
            removed: number;
        };
        /** @description The stored counters. */
        Flushed: {
            /** @description How many counters execd stored. */
            flushed: number;
        };
        /** @description A lifecycle event. The last event of an execution also has outcome, error, output and log. */
        Event: {
            /** @description The execution or plan. */
            execution_id: string;
            /** @description Number of the event within the execution: from 1, without gaps. */
            sequence: number;
            /**
             * @description The type of the event.
             * @enum {string}
             */
            type: "accepted" | "queued" | "awaiting" | "started" | "retry_scheduled" | "late_start" | "late" | "stuck" | "status_changed" | "completed" | "failed" | "cancelled" | "timed_out" | "lost" | "skipped";
            /**
             * Format: date-time
             * @description When it happened.
             */
            time: string;
            /** @description Status after the event. */
            status: components["schemas"]["Status"];
            /**
             * @description Phase after the event.
             * @enum {string}
             */
            phase: "scheduled" | "awaiting" | "queued" | "scheduled_retry" | "starting" | "canceling" | "done";
            /** @description Number of the attempt; 0 before the first one. */
            attempt: number;
            kind: components["schemas"]["Kind"];
            /** @description Name of the operation; null for other kinds. */
            operation: string | null;
            /** @description The task_id of the request. */
            task_id: string | null;
            readonly labels: components["schemas"]["LabelsShown"];
            /** @description For a step: the plan. */
            plan_id: string | null;
            /** @description For a step: its name. For a plan: the step that was skipped. */
            step: string | null;
            /** @description In the last event: how the execution ended. */
            outcome?: components["schemas"]["Outcome"];
            /** @description In the last event: why the execution did not complete; null if it has. */
            error?: components["schemas"]["ExecutionError"] | null;
            /** @description In the last event, with `result=true`: the result of the execution. */
            result?: unknown;
            /** @description In the last event: output of all attempts together. */
            output?: {
                /** @description Bytes of standard output. */
                stdout_bytes: number;
                /** @description Bytes of standard error. */
                stderr_bytes: number;
                /** @description Bytes of standard output that the log keeps. */
                stdout_kept_bytes: number;
                /** @description Bytes of standard error that the log keeps. */
                stderr_kept_bytes: number;
                /** @description Whether the logs lack some of the output. */
                truncated: boolean;
                /** @description Whether the logs hold everything that execd meant to keep. */
                complete: boolean;
            };
            /** @description In the last event: the end of the log; null if there was no attempt. */
            log?: {
                /** @description Number of the last attempt. */
                attempt: number;
                /** @description Records of its log. */
                seq: number;
                /** @description End of its log. */
                cursor: string;
            } | null;
        };
        /** @description A piece of output in a stream of events: the data of a message `output`. */
        OutputEvent: {
            /** @description The execution. */
            execution_id: string;
            /** @description Number of the record within the attempt. */
            seq: number;
            /** @description Number of the attempt. */
            attempt: number;
            /**
             * @description The stream that it was written to.
             * @enum {string}
             */
            stream: "stdout" | "stderr";
            /**
             * Format: date-time
             * @description When execd received it.
             */
            time: string;
            /** @description The output, if it is valid UTF-8. */
            text?: string;
            /** @description The output in base64, if it is not valid UTF-8. */
            base64?: string;
            /** @description Position after this record, for the parameter `cursor`. */
            cursor: string;
        };
        /** @description How far an execution is: the data of a message `progress`, which has no `id`. */
        ProgressEvent: {
            /** @description The progress, 0 to 100; null if it is unknown. */
            percent: number | null;
            /** @description The message of the last progress line; null if there is none. */
            message: string | null;
            /** @description Numbers that it reports. */
            metrics: {
                [key: string]: number;
            };
            /** @description When it will probably end: by earlier runs of the same operation, else by `percent`. Null if it is unknown. */
            estimated_end: string | null;
            /** @description With progress `fd`: lines that are not of the form for progress. */
            bad_lines: number;
            /** @description CPU time of its processes so far, milliseconds; null if it is not known here. */
            cpu_ms: number | null;
            /** @description Memory of its processes now, bytes; null if it is not known here. */
            memory_bytes: number | null;
            /** @description The execution. */
            execution_id: string;
        };
        /** @description A piece of output; with `q` or `regex` a line. */
        LogRecord: {
            /** @description Number of the record within the attempt. */
            seq: number;
            /** @description Number of the attempt. */
            attempt: number;
            /**
             * @description The stream that it was written to.
             * @enum {string}
             */
            stream: "stdout" | "stderr";
            /**
             * Format: date-time
             * @description When execd received it.
             */
            time: string;
            /** @description The output, if it is valid UTF-8. */
            text?: string;
            /** @description The output in base64, if it is not valid UTF-8. */
            base64?: string;
            /** @description Position after this record, for the parameter `cursor`. */
            cursor: string;
            /** @description With `q` or `regex`: whether this line matches, or is context. Not in other logs. */
            match?: boolean;
        };
        /** @description The end of a log. */
        LogEnd: {
            /**
             * @description Always true: this is the last object.
             * @constant
             */
            end: true;
            /** @description Whether you have received everything that the log keeps. */
            complete: boolean;
            /** @description Whether the log lacks some of the output. */
            truncated: boolean;
            /** @description Records of the log. */
            records: number;
            /** @description Bytes of standard output. */
            stdout_bytes: number;
            /** @description Bytes of standard error. */
            stderr_bytes: number;
            /** @description Bytes of standard output that the log keeps. */
            stdout_kept_bytes: number;
            /** @description Bytes of standard error that the log keeps. */
            stderr_kept_bytes: number;
            /** @description Exit code of the command; null if it has none, or has not ended. */
            exit_code: number | null;
            /** @description How the execution, or the attempt that you asked for, has ended; null if it has not. */
            cause: ("exited" | "signalled" | "http_response" | "steps_ended" | "provided" | "awaited" | "rejected" | "wait_expired" | "evaluation_failed" | "step_refused" | "request_failed" | "spawn_failed" | "queue_timeout" | "attempt_timeout" | "total_timeout" | "idle_timeout" | "output_limit" | "resource_limit" | "cancelled" | "circuit_open" | "denied" | "dependency_failed" | "no_credit" | "lost" | "internal" | "imported") | null;
            /** @description Position at the end. */
            cursor: string;
        };
        /** @description A piece of output of a step; with `q` or `regex` a line. */
        PlanLogRecord: {
            /** @description Name of the step. */
            step: string;
            /** @description Number of the record within the attempt. */
            seq: number;
            /** @description Number of the attempt. */
            attempt: number;
            /**
             * @description The stream that it was written to.
             * @enum {string}
             */
            stream: "stdout" | "stderr";
            /**
             * Format: date-time
             * @description When execd received it.
             */
            time: string;
            /** @description The output, if it is valid UTF-8. */
            text?: string;
            /** @description The output in base64, if it is not valid UTF-8. */
            base64?: string;
            /** @description Position after this record, for the parameter `cursor`. */
            cursor: string;
            /** @description With `q` or `regex`: whether this line matches, or is context. Not in other logs. */
            match?: boolean;
        };
        /** @description The end of the log of a plan. */
        PlanLogEnd: {
            /**
             * @description Always true: this is the last object.
             * @constant
             */
            end: true;
            /** @description Whether you have received everything that the logs keep. */
            complete: boolean;
            /** @description Steps that have a log. */
            steps: number;
            /** @description Records of all logs. */
            records: number;
            /** @description Bytes of standard output. */
            stdout_bytes: number;
            /** @description Bytes of standard error. */
            stderr_bytes: number;
        };
        /** @description The data of a message of the stream of an execution. */
        ExecutionStreamData: components["schemas"]["Event"] | components["schemas"]["OutputEvent"] | components["schemas"]["ProgressEvent"];
        /** @description A line of a log, or the data of a message of a log. */
        LogLine: components["schemas"]["LogRecord"] | components["schemas"]["LogEnd"];
        /** @description A line of the log of a plan. */
        PlanLogLine: components["schemas"]["PlanLogRecord"] | components["schemas"]["PlanLogEnd"];
        /** @description The balance of an account became low. */
        LowBalance: {
            /**
             * @description Always `low_balance`.
             * @constant
             */
            type: "low_balance";
            /**
             * Format: date-time
             * @description When the balance fell below the threshold.
             */
            time: string;
            /** @description The user whose account it is. */
            user_id: string;
            /** @description The balance, credits. */
            balance: number;
            /** @description The threshold of the credits file. */
            threshold: number;
            /** @description The execution that was charged; null if credits were taken back. */
            execution_id: string | null;
            /** @description Position of the entry of the ledger. */
            position: number;
        };
        /** @description An event of an execution, as CloudEvents 1.0 specifies. */
        ExecutionCloudEvent: {
            /**
             * @description Version of CloudEvents.
             * @constant
             */
            specversion: "1.0";
            /** @description Id of the event: the same for every try, and the value of `webhook-id`. */
            id: string;
            /** @description `urn:execd:` and the id of the server. */
            source: string;
            /**
             * @description Type of the event.
             * @enum {string}
             */
            type: "execd.execution.accepted" | "execd.execution.queued" | "execd.execution.awaiting" | "execd.execution.started" | "execd.execution.retry_scheduled" | "execd.execution.late_start" | "execd.execution.late" | "execd.execution.stuck" | "execd.execution.status_changed" | "execd.execution.completed" | "execd.execution.failed" | "execd.execution.cancelled" | "execd.execution.timed_out" | "execd.execution.lost" | "execd.execution.skipped";
            /** @description The execution, or the user. */
            subject: string;
            /**
             * Format: date-time
             * @description When it happened.
             */
            time: string;
            /**
             * @description Always `application/json`.
             * @constant
             */
            datacontenttype: "application/json";
            data: components["schemas"]["Event"];
        };
        /** @description An event of an account, as CloudEvents 1.0 specifies. */
        AccountCloudEvent: {
            /**
             * @description Version of CloudEvents.
             * @constant
             */
            specversion: "1.0";
            /** @description Id of the event: the same for every try, and the value of `webhook-id`. */
            id: string;
            /** @description `urn:execd:` and the id of the server. */
            source: string;
            /**
             * @description Type of the event.
             * @enum {string}
             */
            type: "execd.account.low_balance";
            /** @description The execution, or the user. */
            subject: string;
            /**
             * Format: date-time
             * @description When it happened.
             */
            time: string;
            /**
             * @description Always `application/json`.
             * @constant
             */
            datacontenttype: "application/json";
            data: components["schemas"]["LowBalance"];
        };
        /** @description No run of a schedule has completed for too long. */
        Silence: {
            /**
             * @description Always `silent`.
             * @constant
             */
            type: "silent";
            /**
             * Format: date-time
             * @description When execd reported it.
             */
            time: string;
            /** @description The user of the schedule. */
            user_id: string;
            /** @description Name of the schedule. */
            schedule: string;
            /** @description Id of the schedule. */
            schedule_id: string;
            /** @description The bound of the schedule, milliseconds. */
            silent_after_ms: number;
            /** @description When one of its runs completed last; null: none has. */
            last_completed: string | null;
            /** @description The execution or plan that it started last; null: none. */
            last_id: string | null;
        };
        /** @description An event of a schedule, as CloudEvents 1.0 specifies. */
        ScheduleCloudEvent: {
            /**
             * @description Version of CloudEvents.
             * @constant
             */
            specversion: "1.0";
            /** @description Id of the event: the same for every try, and the value of `webhook-id`. */
            id: string;
            /** @description `urn:execd:` and the id of the server. */
            source: string;
            /**
             * @description Type of the event.
             * @enum {string}
             */
            type: "execd.schedule.silent";
            /** @description The execution, or the user. */
            subject: string;
            /**
             * Format: date-time
             * @description When it happened.
             */
            time: string;
            /**
             * @description Always `application/json`.
             * @constant
             */
            datacontenttype: "application/json";
            data: components["schemas"]["Silence"];
        };
        /** @description A test message, as CloudEvents 1.0 specifies. */
        TestCloudEvent: {
            /**
             * @description Version of CloudEvents.
             * @constant
             */
            specversion: "1.0";
            /** @description Id of the event: the same for every try, and the value of `webhook-id`. */
            id: string;
            /** @description `urn:execd:` and the id of the server. */
            source: string;
            /**
             * @description Type of the event.
             * @enum {string}
             */
            type: "execd.execution.test";
            /** @description The execution, or the user. */
            subject: string;
            /**
             * Format: date-time
             * @description When it happened.
             */
            time: string;
            /**
             * @description Always `application/json`.
             * @constant
             */
            datacontenttype: "application/json";
            /** @description A test. */
            data: {
                /**
                 * @description Always `test`.
                 * @constant
                 */
                type: "test";
            };
        };
        /** @description A request for a webhook. */
        CreateWebhook: {
            /** @description Receiver: an http or https URL, or `mailto:` and up to 10 addresses with commas between them. */
            url: string;
            /**
             * @description Events to send. Default: completed, failed, cancelled, timed_out.
             * @default [
             *       "completed",
             *       "failed",
             *       "cancelled",
             *       "timed_out"
             *     ]
             */
            events: ("accepted" | "queued" | "awaiting" | "started" | "retry_scheduled" | "late_start" | "late" | "stuck" | "status_changed" | "completed" | "failed" | "cancelled" | "timed_out" | "lost" | "skipped" | "low_balance" | "silent")[];
            /**
             * @description Include the result in the last event, as `result`. Default: false.
             * @default false
             */
            result: boolean;
            /** @description Only these kinds. Default: all. */
            kinds?: ("exec" | "shell" | "script" | "aws_cli" | "http" | "operation" | "wait" | "plan")[];
            /** @description Only this operation. */
            operation?: string;
            /** @description Only this task_id. */
            task_id?: string;
            /** @description Only executions that have all of these labels. */
            labels?: components["schemas"]["Labels"];
            /** @description A text of your choice. */
            description?: string;
            /** @description CEL over `event`, `failures` and `previous`: if it is false, execd does not send the event. Default: execd sends each event. */
            when?: string;
            /** @description The message in place of a CloudEvent: a ready one for Slack, Discord or Teams, or one of your own. */
            template?: ("slack" | "discord" | "teams") | {
                /** @description Default: text/plain for a text, else application/json. For mail: text/plain or text/html. */
                content_type?: string;
                /** @description Further headers. A value may be a secret: `{"secret": "NAME", "prefix": "Bearer "}`. */
                headers?: components["schemas"]["HttpHeaders"];
                /** @description For mail: CEL of the same; the subject, a text. Default: the text of the ready message. */
                subject?: string;
                /** @description CEL over `event`, `failures` and `previous`: the body. execd sends a text unchanged, other values as JSON. */
                body: string;
            };
            /** @description Signs the messages. Default: execd creates one and returns it once, in the response. */
            secret?: string;
        };
        /** @description A webhook. */
        Webhook: {
            /** @description Unique id. */
            id: string;
            /** @description For the webhook of one execution: the execution. */
            execution_id: string | null;
            /** @description The receiver. */
            url: string;
            /** @description The description of the request. */
            description: string | null;
            /** @description Events that are sent. */
            events: ("accepted" | "queued" | "awaiting" | "started" | "retry_scheduled" | "late_start" | "late" | "stuck" | "status_changed" | "completed" | "failed" | "cancelled" | "timed_out" | "lost" | "skipped" | "low_balance" | "silent")[];
            /** @description Include the result in the last event, as `result`. Default: false. */
            result: boolean;
            /** @description The condition of the request; null: execd sends each event. */
            when: string | null;
            /** @description The template of the request; null: execd sends events as CloudEvents. */
            template: (("slack" | "discord" | "teams") | {
                /** @description Default: text/plain for a text, else application/json. For mail: text/plain or text/html. */
                content_type?: string;
                /** @description Further headers. A value may be a secret: `{"secret": "NAME", "prefix": "Bearer "}`. */
                headers?: components["schemas"]["HttpHeaders"];
                /** @description For mail: CEL of the same; the subject, a text. Default: the text of the ready message. */
                subject?: string;
                /** @description CEL over `event`, `failures` and `previous`: the body. execd sends a text unchanged, other values as JSON. */
                body: string;
            }) | null;
            /** @description Only these kinds; null: all. */
            kinds: ("exec" | "shell" | "script" | "aws_cli" | "http" | "operation" | "wait" | "plan")[] | null;
            /** @description Only this operation; null: all. */
            operation: string | null;
            /** @description Only this task_id; null: all. */
            task_id: string | null;
            /** @description Only executions that have all of these labels. */
            labels: {
                [key: string]: string;
            };
            /** @description Whether events are sent. */
            enabled: boolean;
            /** @description `request`: you disabled it. `gone`: the receiver responded with 410. Null if it is enabled. */
            disabled_because: ("request" | "gone") | null;
            /**
             * Format: date-time
             * @description When it was created.
             */
            created: string;
        };
        /** @description A webhook with its secret. */
        WebhookWithSecret: {
            /** @description Unique id. */
            id: string;
            /** @description For the webhook of one execution: the execution. */
            execution_id: string | null;
            /** @description The receiver. */
            url: string;
            /** @description The description of the request. */
            description: string | null;
            /** @description Events that are sent. */
            events: ("accepted" | "queued" | "awaiting" | "started" | "retry_scheduled" | "late_start" | "late" | "stuck" | "status_changed" | "completed" | "failed" | "cancelled" | "timed_out" | "lost" | "skipped" | "low_balance" | "silent")[];
            /** @description Include the result in the last event, as `result`. Default: false. */
            result: boolean;
            /** @description The condition of the request; null: execd sends each event. */
            when: string | null;
            /** @description The template of the request; null: execd sends events as CloudEvents. */
            template: (("slack" | "discord" | "teams") | {
                /** @description Default: text/plain for a text, else application/json. For mail: text/plain or text/html. */
                content_type?: string;
                /** @description Further headers. A value may be a secret: `{"secret": "NAME", "prefix": "Bearer "}`. */
                headers?: components["schemas"]["HttpHeaders"];
                /** @description For mail: CEL of the same; the subject, a text. Default: the text of the ready message. */
                subject?: string;
                /** @description CEL over `event`, `failures` and `previous`: the body. execd sends a text unchanged, other values as JSON. */
                body: string;
            }) | null;
            /** @description Only these kinds; null: all. */
            kinds: ("exec" | "shell" | "script" | "aws_cli" | "http" | "operation" | "wait" | "plan")[] | null;
            /** @description Only this operation; null: all. */
            operation: string | null;
            /** @description Only this task_id; null: all. */
            task_id: string | null;
            /** @description Only executions that have all of these labels. */
            labels: {
                [key: string]: string;
            };
            /** @description Whether events are sent. */
            enabled: boolean;
            /** @description `request`: you disabled it. `gone`: the receiver responded with 410. Null if it is enabled. */
            disabled_because: ("request" | "gone") | null;
            /**
             * Format: date-time
             * @description When it was created.
             */
            created: string;
            /** @description The secret. It is shown only once, here. Null for mail, which is not signed. */
            secret: string | null;
        };
        /** @description Webhooks. */
        WebhookList: {
            /** @description Your webhooks, oldest first. */
            items: components["schemas"]["Webhook"][];
        };
        /** @description How to rotate a secret. */
        RotateSecretRequest: {
            /**
             * @description Time during which execd also signs messages with the old secret, seconds.
             * @default 86400
             */
            keep_old_s: number;
        };
        /** @description The event for the message. */
        WebhookPreviewRequest: {
            /** @description An event, as streams show it. Default: a command that failed. */
            event?: {
                [key: string]: unknown;
            };
            /**
             * @description `failures` of the expressions.
             * @default 1
             */
            failures: number;
            /**
             * @description `previous` of the expressions.
             * @default null
             */
            previous: string | null;
        };
        /** @description The message that execd would send. */
        WebhookPreview: {
            /** @description Whether it would be sent; false if `when` is false. */
            sent: boolean;
            /** @description The receiver. */
            url: string;
            /** @description Headers, with `***` in place of secrets. */
            headers: {
                [key: string]: string;
            };
            /** @description The body. */
            body: string;
        };
        /** @description One try to deliver an event. */
        DeliveryTry: {
            /**
             * Format: date-time
             * @description When it was sent.
             */
            at: string;
            /** @description Status of the response; null if there was none. */
            status: number | null;
            /** @description Why it failed; null if it was delivered. */
            error: string | null;
            /** @description How long it took, milliseconds. */
            took_ms: number;
        };
        /** @description The delivery of an event to a webhook. */
        Delivery: {
            /** @description Id of the delivery. */
            id: string;
            /** @description Id of the event: the value of `webhook-id` in every try. */
            event_id: string;
            /** @description The execution; null for an event of an account. */
            execution_id: string | null;
            /**
             * @description Type of the event.
             * @enum {string}
             */
            type: "accepted" | "queued" | "awaiting" | "started" | "retry_scheduled" | "late_start" | "late" | "stuck" | "status_changed" | "completed" | "failed" | "cancelled" | "timed_out" | "lost" | "skipped" | "low_balance" | "silent";
            /**
             * @description `failed`: all tries failed. `discarded`: the webhook was disabled first. `skipped`: `when` was false.
             * @enum {string}
             */
            state: "pending" | "delivered" | "failed" | "discarded" | "skipped";
            /** @description All tries, the first one first. */
            tries: components["schemas"]["DeliveryTry"][];
            /** @description When execd tries again; null if it does not. */
            next_try: string | null;
            /**
             * Format: date-time
             * @description When the event happened.
             */
            created: string;
        };
        /** @description A page of deliveries. */
        DeliveryList: {
            /** @description Newest first. */
            items: components["schemas"]["Delivery"][];
            next_cursor: components["schemas"]["NextCursor"];
        };
    };
    responses: {
        /** @description execd rejects the request. `type` and `detail` have the reason. */
        ClientError: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description execd failed to handle the request. */
        ServerError: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description One of these types:
         *
         *     - `validation`: The request is invalid
         *     - `malformed_json`: The body is not JSON
         *     - `invalid_utf8`: The body is not valid UTF-8
         *     - `too_deep`: The body is nested too deeply
         *     - `too_many_members`: The objects in the body have too many members
         *     - `invalid_cursor`: The cursor does not belong to this list or log
         *     - `invalid_range`: The Range header is invalid
         *     - `invalid_idempotency_key`: The Idempotency-Key is invalid
         *     - `unknown_operation`: There is no such operation
         *     - `unknown_secret`: There is no such secret for this user
         *     - `malformed_request`: The request is not valid HTTP
         *     - `invalid_event_id`: The stream cannot continue after this event id
         */
        BadRequest: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description One of these types:
         *
         *     - `unauthorized`: A valid API key or token is required
         *     - `hook_refused`: There is no such hook, or the signature is not valid
         */
        Unauthorized: {
            headers: {
                "WWW-Authenticate": components["headers"]["WwwAuthenticate"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description One of these types:
         *
         *     - `insufficient_credits`: The account has too few credits
         */
        PaymentRequired: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description One of these types:
         *
         *     - `forbidden`: The API key lacks the required scope
         *     - `command_not_allowed`: The API key is not allowed to run this
         *     - `host_not_allowed`: The Host header names a host that is not allowed
         *     - `origin_not_allowed`: Requests from web pages of other origins are rejected
         *     - `output_not_streamed`: This server does not stream output
         *     - `not_an_approver`: The user may not decide
         */
        Forbidden: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description One of these types:
         *
         *     - `not_found`: There is no such execution or attempt
         *     - `artifact_not_found`: There is no such artifact
         *     - `upload_not_found`: There is no such upload
         *     - `operation_not_found`: There is no such operation
         *     - `webhook_not_found`: There is no such webhook
         *     - `schedule_not_found`: There is no such schedule
         *     - `delivery_not_found`: There is no such delivery
         *     - `pause_not_found`: It is not paused
         *     - `runner_not_found`: There is no such server, or it is not drained
         *     - `cache_entry_not_found`: The cache has no result with this key
         *     - `account_not_found`: There is no such account
         *     - `key_not_found`: There is no such API key
         *     - `circuit_not_found`: There is no such circuit
         *     - `route_not_found`: There is no such route
         *     - `approval_not_found`: There is no such approval
         *     - `signal_not_awaited`: The plan has no step that waits for the signal
         *     - `link_invalid`: The link is not valid, or has expired
         */
        NotFound: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description One of these types:
         *
         *     - `operation_in_file`: The operations file defines this operation
         *     - `too_many_operations`: There are as many operations as execd keeps
         *     - `run_cancelled`: The run was cancelled before it wrote output
         *     - `upload_incomplete`: The upload does not have all of its bytes
         *     - `upload_offset`: The upload continues at another offset
         *     - `wait_over`: The wait is over
         *     - `already_decided`: The user has decided otherwise
         *     - `too_many_signals`: The plan keeps too many signals
         *     - `step_of_plan`: The execution is a step of a plan; remove the plan instead
         *     - `plan_completed`: The plan has completed; there is nothing to redrive
         *     - `execution_finished`: The execution has already finished
         *     - `webhook_disabled`: The webhook is disabled
         *     - `schedule_exists`: A schedule with this name exists
         *     - `schedule_ended`: The schedule has ended
         *     - `too_many_schedules`: There are too many schedules
         *     - `too_many_webhooks`: The user has too many webhooks
         *     - `cache_off`: The cache is off
         *     - `execution_not_finished`: The execution has not finished
         *     - `execution_not_running`: The execution does not run
         *     - `input_closed`: The input of the execution is not open
         *     - `input_offset`: The input continues at another offset
         *     - `input_not_read`: The command does not read its input
         *     - `no_terminal`: The execution has no terminal
         *     - `key_exists`: An API key with this id exists
         *     - `key_in_file`: The API key is in the keys file
         *     - `key_unusable`: The API key is revoked or expired
         *     - `too_many_keys`: There are too many API keys
         */
        Conflict: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description One of these types:
         *
         *     - `execution_removed`: The execution was removed
         *     - `log_read_failed`: The log was removed
         *     - `events_gone`: The events were removed
         */
        Gone: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description One of these types:
         *
         *     - `cache_value_too_large`: The value is too large for the cache
         *     - `body_too_large`: The body is too large
         */
        ContentTooLarge: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description One of these types:
         *
         *     - `unsupported_media_type`: The body must be application/json
         *     - `unsupported_encoding`: Compressed bodies are not accepted
         */
        UnsupportedMediaType: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description One of these types:
         *
         *     - `range_not_satisfiable`: The range is outside the log
         */
        RangeNotSatisfiable: {
            headers: {
                "Content-Range": components["headers"]["ContentRange"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description One of these types:
         *
         *     - `invalid_operations_file`: The operations file is invalid
         *     - `invalid_credits_file`: The credits file is invalid
         *     - `invalid_roots_file`: The roots file is invalid
         *     - `invalid_keys_file`: The keys file is invalid
         *     - `invalid_secrets_file`: The secrets file is invalid
         *     - `invalid_policy_file`: The policy file is invalid
         *     - `digest_mismatch`: The bytes do not have the digest that you named
         *     - `idempotency_key_reused`: The Idempotency-Key was used with a different request
         *     - `hook_failed`: An expression of the hook failed on the delivery
         *     - `run_failed`: The run failed before it wrote output
         */
        UnprocessableContent: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description One of these types:
         *
         *     - `key_rate_exceeded`: Too many executions with this concurrency key
         *     - `queue_full`: The queue is full
         *     - `user_queue_full`: The user has too many waiting executions
         *     - `too_many_submits`: The user submits too often
         *     - `too_many_deliveries`: The hook receives too many deliveries
         *     - `store_quota_exceeded`: The executions of the user keep too much in the store
         *     - `log_quota_exceeded`: The logs of the user have reached their quota
         *     - `concurrency_key_busy`: As many executions with the concurrency key run as may
         *     - `too_many_open_keys`: Too many concurrency keys are in use
         *     - `file_quota_exceeded`: The files of the user have reached their quota
         *     - `limit_reached`: No slot is free
         *     - `too_many_streams`: Too many streams are open
         *     - `too_many_open_requests`: The user has too many open requests
         */
        TooManyRequests: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
                RateLimit: components["headers"]["RateLimit"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description One of these types:
         *
         *     - `run_broken`: The run could not be carried out
         */
        BadGateway: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description One of these types:
         *
         *     - `shutting_down`: The server is starting or shutting down
         *     - `maintenance`: The server is in maintenance and accepts nothing new
         *     - `identity_unavailable`: The identity provider does not respond
         *     - `runner_silent`: The server that runs the execution does not respond
         *     - `store_unavailable`: The store cannot be written
         */
        ServiceUnavailable: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description One of these types:
         *
         *     - `run_timed_out`: The run exceeded a time limit before it wrote output
         */
        GatewayTimeout: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: {
        /** @description A key of your choice. For 24 hours, the same key with the same request returns the first resource instead of creating another one. */
        IdempotencyKey: string;
        /**
         * @description `wait=N`: respond when the work has finished, or after N seconds (at most 60).
         * @example wait=10
         */
        Prefer: string;
        /** @description W3C trace context. Commands get it as `TRACEPARENT`, HTTP calls as a header. */
        Traceparent: string;
        /** @description The `ETag` of an earlier response. If nothing has changed, the response is 304. */
        IfNoneMatch: string;
        /** @description The `id` of the last message that you have received. The stream continues after it. Takes precedence over the query parameter. */
        LastEventId: string;
        /** @description With `format=raw`: one range of bytes of the log, for example `bytes=0-1023`. */
        Range: string;
        /** @description Act for this user. Requires the scope `admin`. */
        ExecutionUser: string;
    };
    requestBodies: never;
    headers: {
        /** @description Path of the resource. */
        Location: string;
        /** @description Changes whenever the resource changes. Send it as `If-None-Match`. */
        ETag: string;
        /** @description Seconds to wait before the next request. */
        RetryAfter: number;
        /** @description `true` if an earlier request with the same Idempotency-Key created the resource. */
        IdempotencyReplayed: "true";
        /** @description The wait that execd applied, for example `wait=10`. */
        PreferenceApplied: string;
        /** @description For a cache hit: age of the result, seconds. */
        Age: number;
        /**
         * @description For a user with a quota: submissions that are left, and seconds until the window resets.
         * @example "submits";r=4;t=30
         */
        RateLimit: string;
        /**
         * @description For a user with a quota: submissions per window, and the window in seconds.
         * @example "submits";q=10;w=60
         */
        RateLimitPolicy: string;
        /**
         * @description The range of bytes that the body holds, and the size of the log.
         * @example bytes 0-1023/4096
         */
        ContentRange: string;
        /** @description With `format=raw`: `bytes`. */
        AcceptRanges: string;
        /** @description Id of the execution. Also a trailer. */
        ExecutionId: string;
        /** @description How the execution ended: `completed`, `failed`, `timed_out` or `cancelled`. A header or a trailer. */
        ExecutionStatus: string;
        /** @description `outcome.cause` of the execution. A header or a trailer. */
        ExecutionCause: string;
        /** @description Exit code of the command, if it has one. A header or a trailer. */
        ExecutionExitCode: number;
        /** @description Trailer after the body: the `LogEnd` object as JSON. */
        LogEnd: string;
        /** @description `Bearer` */
        WwwAuthenticate: string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listExecutions: {
        parameters: {
            query?: {
                /** @description Only these statuses. Several values: repeat the parameter, or separate them with commas. */
                status?: ("pending" | "running" | "completed" | "failed" | "cancelled" | "timed_out")[];
                /** @description Only these phases. Several values: repeat the parameter, or separate them with commas. */
                phase?: ("scheduled" | "awaiting" | "queued" | "scheduled_retry" | "running" | "canceling" | "done")[];
                /** @description Only executions that did not complete, with these codes. Several values: repeat the parameter, or separate them with commas. */
                error_code?: ("E001" | "E002" | "E003" | "E004" | "E005" | "E006" | "E007")[];
                /** @description Only executions that did not complete, for these causes. Several values: repeat the parameter, or separate them with commas. */
                cause?: ("exited" | "signalled" | "http_response" | "steps_ended" | "provided" | "awaited" | "rejected" | "wait_expired" | "evaluation_failed" | "step_refused" | "request_failed" | "spawn_failed" | "queue_timeout" | "attempt_timeout" | "total_timeout" | "idle_timeout" | "output_limit" | "resource_limit" | "cancelled" | "circuit_open" | "denied" | "dependency_failed" | "no_credit" | "lost" | "internal" | "imported")[];
                /** @description Only these kinds. Several values: repeat the parameter, or separate them with commas. */
                kind?: ("exec" | "shell" | "script" | "aws_cli" | "http" | "operation" | "wait" | "plan")[];
                /** @description Only this operation. */
                operation?: string;
                /** @description Only this task_id. */
                task_id?: string;
                /** @description Only steps of this plan. */
                plan_id?: string;
                /** @description Only steps with this name. */
                step?: string;
                /** @description `NAME=VALUE`. If it is repeated, all labels must match. */
                label?: string[];
                /** @description Only if accepted at or after this time. */
                created_after?: string;
                /** @description Only if accepted before this time. */
                created_before?: string;
                /** @description Only if finished at or after this time. */
                finished_after?: string;
                /** @description Only if finished before this time. */
                finished_before?: string;
                /** @description Most items of a page. */
                limit?: number;
                /** @description The `next_cursor` of the page before, with the same filters. */
                cursor?: string;
            };
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExecutionList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    submitExecution: {
        parameters: {
            query?: never;
            header?: {
                /** @description A key of your choice. For 24 hours, the same key with the same request returns the first resource instead of creating another one. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /**
                 * @description `wait=N`: respond when the work has finished, or after N seconds (at most 60).
                 * @example wait=10
                 */
                Prefer?: components["parameters"]["Prefer"];
                /** @description W3C trace context. Commands get it as `TRACEPARENT`, HTTP calls as a header. */
                traceparent?: components["parameters"]["Traceparent"];
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Spec"];
            };
        };
        responses: {
            /** @description It has finished: at once, from the cache, or while `Prefer: wait` waited. */
            200: {
                headers: {
                    Location: components["headers"]["Location"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    "Preference-Applied": components["headers"]["PreferenceApplied"];
                    Age: components["headers"]["Age"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Execution"];
                };
            };
            /** @description It was accepted, and has not finished. */
            202: {
                headers: {
                    Location: components["headers"]["Location"];
                    ETag: components["headers"]["ETag"];
                    "Retry-After": components["headers"]["RetryAfter"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    "Preference-Applied": components["headers"]["PreferenceApplied"];
                    Age: components["headers"]["Age"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Execution"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            402: components["responses"]["PaymentRequired"];
            403: components["responses"]["Forbidden"];
            410: components["responses"]["Gone"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    dryRunExecution: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Spec"];
            };
        };
        responses: {
            /** @description The effect of the request. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DryRun"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    submitBatch: {
        parameters: {
            query?: never;
            header?: {
                /** @description W3C trace context. Commands get it as `TRACEPARENT`, HTTP calls as a header. */
                traceparent?: components["parameters"]["Traceparent"];
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BatchRequest"];
            };
        };
        responses: {
            /** @description The result of each item. */
            200: {
                headers: {
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BatchAnswer"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getExecution: {
        parameters: {
            query?: {
                /** @description Wait for the end, at most this number of seconds. */
                wait?: number;
                /** @description With `wait`: wait only until the revision is greater than this one. */
                after_revision?: number;
            };
            header?: {
                /** @description The `ETag` of an earlier response. If nothing has changed, the response is 304. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The execution. */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Execution"];
                };
            };
            /** @description The execution has not changed since `If-None-Match`. */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            429: components["responses"]["TooManyRequests"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    deleteExecution: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Removed. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            410: components["responses"]["Gone"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    updateExecution: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchRequest"];
            };
        };
        responses: {
            /** @description The execution. */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Execution"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            410: components["responses"]["Gone"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getExecutionResult: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The result. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StepResult"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    cancelExecution: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["CancelRequest"];
            };
        };
        responses: {
            /** @description It has finished. */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Execution"];
                };
            };
            /** @description execd is stopping it. */
            202: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Execution"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    cancelExecutions: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BulkCancelRequest"];
            };
        };
        responses: {
            /** @description How many were cancelled. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BulkCancelAnswer"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    rerunExecution: {
        parameters: {
            query?: never;
            header?: {
                /** @description A key of your choice. For 24 hours, the same key with the same request returns the first resource instead of creating another one. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /**
                 * @description `wait=N`: respond when the work has finished, or after N seconds (at most 60).
                 * @example wait=10
                 */
                Prefer?: components["parameters"]["Prefer"];
                /** @description W3C trace context. Commands get it as `TRACEPARENT`, HTTP calls as a header. */
                traceparent?: components["parameters"]["Traceparent"];
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["AgainRequest"];
            };
        };
        responses: {
            /** @description It has finished: at once, from the cache, or while `Prefer: wait` waited. */
            200: {
                headers: {
                    Location: components["headers"]["Location"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    "Preference-Applied": components["headers"]["PreferenceApplied"];
                    Age: components["headers"]["Age"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Execution"];
                };
            };
            /** @description It was accepted, and has not finished. */
            202: {
                headers: {
                    Location: components["headers"]["Location"];
                    ETag: components["headers"]["ETag"];
                    "Retry-After": components["headers"]["RetryAfter"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    "Preference-Applied": components["headers"]["PreferenceApplied"];
                    Age: components["headers"]["Age"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Execution"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            402: components["responses"]["PaymentRequired"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            410: components["responses"]["Gone"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    runExecution: {
        parameters: {
            query?: never;
            header?: {
                /** @description A key of your choice. For 24 hours, the same key with the same request returns the first resource instead of creating another one. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description W3C trace context. Commands get it as `TRACEPARENT`, HTTP calls as a header. */
                traceparent?: components["parameters"]["Traceparent"];
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RunRequest"];
            };
        };
        responses: {
            /** @description Standard output. How the run ended is in the headers if it wrote nothing, else in the trailers. */
            200: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    "Log-End": components["headers"]["LogEnd"];
                    "Execution-Id": components["headers"]["ExecutionId"];
                    "Execution-Status": components["headers"]["ExecutionStatus"];
                    "Execution-Cause": components["headers"]["ExecutionCause"];
                    "Execution-Exit-Code": components["headers"]["ExecutionExitCode"];
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            402: components["responses"]["PaymentRequired"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["Conflict"];
            410: components["responses"]["Gone"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            429: components["responses"]["TooManyRequests"];
            502: components["responses"]["BadGateway"];
            503: components["responses"]["ServiceUnavailable"];
            504: components["responses"]["GatewayTimeout"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    signalExecution: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CommandSignal"];
            };
        };
        responses: {
            /** @description The signal was sent. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommandSignalSent"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            410: components["responses"]["Gone"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    sendExecutionInput: {
        parameters: {
            query?: {
                /** @description The place of the first byte of the body in the input. execd skips bytes that it has. Default: after these. */
                offset?: number;
                /** @description Whether the input ends after these bytes. */
                close?: boolean;
                /** @description How long to wait, seconds: until the command runs, and each time it does not read its input. */
                wait?: number;
            };
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/octet-stream": string;
                "multipart/form-data": {
                    /** Format: binary */
                    file?: string;
                };
            };
        };
        responses: {
            /** @description How much input there is. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InputState"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            410: components["responses"]["Gone"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    attachExecution: {
        parameters: {
            query?: {
                /** @description Send the output after this position of the log. Default: from the beginning. */
                cursor?: string;
            };
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The connection is a WebSocket from here on. */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Never sent: a WebSocket begins with 101. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            429: components["responses"]["TooManyRequests"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    listArtifacts: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The artifacts. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ArtifactList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getArtifactArchive: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A tar archive, compressed by gzip. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/gzip": string;
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getArtifact: {
        parameters: {
            query?: never;
            header?: {
                /** @description With `format=raw`: one range of bytes of the log, for example `bytes=0-1023`. */
                Range?: components["parameters"]["Range"];
                /** @description The `ETag` of an earlier response. If nothing has changed, the response is 304. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description The execution. */
                id: string;
                /** @description Path of the artifact. */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The bytes. */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Accept-Ranges": components["headers"]["AcceptRanges"];
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description The range of the bytes. */
            206: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    "Content-Range": components["headers"]["ContentRange"];
                    "Accept-Ranges": components["headers"]["AcceptRanges"];
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description The digest of the bytes is in `If-None-Match`. */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            416: components["responses"]["RangeNotSatisfiable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    createUpload: {
        parameters: {
            query?: {
                /** @description Bytes of an upload that you send in parts: the request has no body, and `PATCH` adds bytes. */
                size?: number;
                /** @description SHA-256 digest that the bytes must have. If the bytes have another digest, the response is 422. */
                sha256?: string;
            };
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/octet-stream": string;
                "multipart/form-data": {
                    /** Format: binary */
                    file?: string;
                };
            };
        };
        responses: {
            /** @description The upload. */
            201: {
                headers: {
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Upload"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getUpload: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The upload. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Upload"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    deleteUpload: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Removed. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    appendUpload: {
        parameters: {
            query?: {
                /** @description The place of the first byte of the body in the upload. */
                offset?: number;
            };
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/octet-stream": string;
                "multipart/form-data": {
                    /** Format: binary */
                    file?: string;
                };
            };
        };
        responses: {
            /** @description The upload. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Upload"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    explainExecution: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The explanation. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Explanation"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    reportOperations: {
        parameters: {
            query?: {
                /** @description Only what ended at or after this time. Default: 24 hours before `to`. */
                from?: string;
                /** @description Only what ended before this time. Default: now. */
                to?: string;
                /** @description Only this operation. */
                operation?: string;
            };
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The report. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OperationsReport"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getExecutionLog: {
        parameters: {
            query?: {
                /** @description Which of the two streams. */
                stream?: "all" | "stdout" | "stderr";
                /** @description `text`: UTF-8. `ndjson`: one JSON object for each piece, with stream and time. `sse`: the same as server-sent events. `raw`: the bytes as they were written. */
                format?: "text" | "ndjson" | "sse" | "raw";
                /** @description Continue until the end, while output is being written. */
                follow?: boolean;
                /** @description Only this attempt. */
                attempt?: number;
                /** @description Continue after this position: the `cursor` of the last record that you have. */
                cursor?: string;
                /** @description Only output that the command wrote at or after this time. */
                since?: string;
                /** @description Only the last lines of the last attempt. */
                tail?: number;
                /** @description Only lines that contain this text, in lower or upper case. For `text` and `ndjson`. */
                q?: string;
                /** @description Only lines that match this regular expression of RE2. For `text` and `ndjson`. A search that takes too long ends with `complete: false`; the end of the log of an execution has a `cursor` to continue at. */
                regex?: string;
                /** @description With `q` or `regex`: lines before and after each match. */
                context?: number;
                /** @description With `text`: begin each line with the time of its beginning. */
                timestamps?: boolean;
                /** @description Have browsers save the log as a file that is named after the execution. */
                download?: boolean;
                /** @description Stop after this number of bytes. */
                limit_bytes?: number;
            };
            header?: {
                /** @description With `format=raw`: one range of bytes of the log, for example `bytes=0-1023`. */
                Range?: components["parameters"]["Range"];
                /** @description The `id` of the last message that you have received. The stream continues after it. Takes precedence over the query parameter. */
                "Last-Event-ID"?: components["parameters"]["LastEventId"];
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The log. */
            200: {
                headers: {
                    "Log-End": components["headers"]["LogEnd"];
                    "Accept-Ranges": components["headers"]["AcceptRanges"];
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                    "application/x-ndjson": components["schemas"]["LogLine"];
                    "text/event-stream": components["schemas"]["LogLine"];
                    "application/octet-stream": string;
                };
            };
            /** @description With `format=sse`: nothing follows this id. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The range of the log. */
            206: {
                headers: {
                    "Content-Range": components["headers"]["ContentRange"];
                    "Accept-Ranges": components["headers"]["AcceptRanges"];
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            416: components["responses"]["RangeNotSatisfiable"];
            429: components["responses"]["TooManyRequests"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    listPlans: {
        parameters: {
            query?: {
                /** @description Only these statuses. Several values: repeat the parameter, or separate them with commas. */
                status?: ("pending" | "running" | "completed" | "failed" | "cancelled" | "timed_out")[];
                /** @description Only executions that did not complete, with these codes. Several values: repeat the parameter, or separate them with commas. */
                error_code?: ("E001" | "E002" | "E003" | "E004" | "E005" | "E006" | "E007")[];
                /** @description Only executions that did not complete, for these causes. Several values: repeat the parameter, or separate them with commas. */
                cause?: ("exited" | "signalled" | "http_response" | "steps_ended" | "provided" | "awaited" | "rejected" | "wait_expired" | "evaluation_failed" | "step_refused" | "request_failed" | "spawn_failed" | "queue_timeout" | "attempt_timeout" | "total_timeout" | "idle_timeout" | "output_limit" | "resource_limit" | "cancelled" | "circuit_open" | "denied" | "dependency_failed" | "no_credit" | "lost" | "internal" | "imported")[];
                /** @description Only this task_id. */
                task_id?: string;
                /** @description `NAME=VALUE`. If it is repeated, all labels must match. */
                label?: string[];
                /** @description Only if accepted at or after this time. */
                created_after?: string;
                /** @description Only if accepted before this time. */
                created_before?: string;
                /** @description Only if finished at or after this time. */
                finished_after?: string;
                /** @description Only if finished before this time. */
                finished_before?: string;
                /** @description Most items of a page. */
                limit?: number;
                /** @description The `next_cursor` of the page before, with the same filters. */
                cursor?: string;
            };
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    submitPlan: {
        parameters: {
            query?: {
                /** @description `true` adds the results of the steps that have ended. Default: false. */
                results?: boolean;
            };
            header?: {
                /** @description A key of your choice. For 24 hours, the same key with the same request returns the first resource instead of creating another one. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /**
                 * @description `wait=N`: respond when the work has finished, or after N seconds (at most 60).
                 * @example wait=10
                 */
                Prefer?: components["parameters"]["Prefer"];
                /** @description W3C trace context. Commands get it as `TRACEPARENT`, HTTP calls as a header. */
                traceparent?: components["parameters"]["Traceparent"];
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlanRequest"];
            };
        };
        responses: {
            /** @description It has finished while `Prefer: wait` waited. */
            200: {
                headers: {
                    Location: components["headers"]["Location"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    "Preference-Applied": components["headers"]["PreferenceApplied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            /** @description It was accepted, and has not finished. */
            202: {
                headers: {
                    Location: components["headers"]["Location"];
                    ETag: components["headers"]["ETag"];
                    "Retry-After": components["headers"]["RetryAfter"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    "Preference-Applied": components["headers"]["PreferenceApplied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            402: components["responses"]["PaymentRequired"];
            403: components["responses"]["Forbidden"];
            410: components["responses"]["Gone"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    validatePlan: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlanRequest"];
            };
        };
        responses: {
            /** @description The result of the check. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanReport"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getPlan: {
        parameters: {
            query?: {
                /** @description Wait for the end, at most this number of seconds. */
                wait?: number;
                /** @description `false` leaves out the steps. Default: true. */
                steps?: boolean;
                /** @description `true` adds the results of the steps that have ended. Default: false. */
                results?: boolean;
            };
            header?: {
                /** @description The `ETag` of an earlier response. If nothing has changed, the response is 304. */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The plan. */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            /** @description The plan has not changed since `If-None-Match`. */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            429: components["responses"]["TooManyRequests"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    deletePlan: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Removed. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            410: components["responses"]["Gone"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    cancelPlan: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["CancelRequest"];
            };
        };
        responses: {
            /** @description It has finished. */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            /** @description execd is stopping it. */
            202: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    rerunPlan: {
        parameters: {
            query?: never;
            header?: {
                /** @description A key of your choice. For 24 hours, the same key with the same request returns the first resource instead of creating another one. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /**
                 * @description `wait=N`: respond when the work has finished, or after N seconds (at most 60).
                 * @example wait=10
                 */
                Prefer?: components["parameters"]["Prefer"];
                /** @description W3C trace context. Commands get it as `TRACEPARENT`, HTTP calls as a header. */
                traceparent?: components["parameters"]["Traceparent"];
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["AgainRequest"];
            };
        };
        responses: {
            /** @description It has finished while `Prefer: wait` waited. */
            200: {
                headers: {
                    Location: components["headers"]["Location"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    "Preference-Applied": components["headers"]["PreferenceApplied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            /** @description It was accepted, and has not finished. */
            202: {
                headers: {
                    Location: components["headers"]["Location"];
                    ETag: components["headers"]["ETag"];
                    "Retry-After": components["headers"]["RetryAfter"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    "Preference-Applied": components["headers"]["PreferenceApplied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            402: components["responses"]["PaymentRequired"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            410: components["responses"]["Gone"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    redrivePlan: {
        parameters: {
            query?: never;
            header?: {
                /** @description A key of your choice. For 24 hours, the same key with the same request returns the first resource instead of creating another one. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /**
                 * @description `wait=N`: respond when the work has finished, or after N seconds (at most 60).
                 * @example wait=10
                 */
                Prefer?: components["parameters"]["Prefer"];
                /** @description W3C trace context. Commands get it as `TRACEPARENT`, HTTP calls as a header. */
                traceparent?: components["parameters"]["Traceparent"];
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["AgainRequest"];
            };
        };
        responses: {
            /** @description It has finished while `Prefer: wait` waited. */
            200: {
                headers: {
                    Location: components["headers"]["Location"];
                    ETag: components["headers"]["ETag"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    "Preference-Applied": components["headers"]["PreferenceApplied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            /** @description It was accepted, and has not finished. */
            202: {
                headers: {
                    Location: components["headers"]["Location"];
                    ETag: components["headers"]["ETag"];
                    "Retry-After": components["headers"]["RetryAfter"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    "Preference-Applied": components["headers"]["PreferenceApplied"];
                    RateLimit: components["headers"]["RateLimit"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Plan"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            402: components["responses"]["PaymentRequired"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            410: components["responses"]["Gone"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getPlanLog: {
        parameters: {
            query?: {
                /** @description Which of the two streams. */
                stream?: "all" | "stdout" | "stderr";
                /** @description `text`: lines with the name of the step. `ndjson`: one JSON object for each piece. */
                format?: "text" | "ndjson";
                /** @description Continue until the end, while output is being written. */
                follow?: boolean;
                /** @description Only this step. */
                step?: string;
                /** @description Only lines that contain this text, in lower or upper case. For `text` and `ndjson`. */
                q?: string;
                /** @description Only lines that match this regular expression of RE2. For `text` and `ndjson`. A search that takes too long ends with `complete: false`; the end of the log of an execution has a `cursor` to continue at. */
                regex?: string;
                /** @description With `q` or `regex`: lines before and after each match. */
                context?: number;
            };
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The log. */
            200: {
                headers: {
                    "Log-End": components["headers"]["LogEnd"];
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                    "application/x-ndjson": components["schemas"]["PlanLogLine"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            429: components["responses"]["TooManyRequests"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    sendSignal: {
        parameters: {
            query?: never;
            header?: {
                /** @description A key of your choice. For 24 hours, the same key with the same request returns the first resource instead of creating another one. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Id of the plan. */
                id: string;
                /** @description Name of the signal. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["SignalRequest"];
            };
        };
        responses: {
            /** @description Stored. */
            202: {
                headers: {
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Signal"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    listSignals: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Id of the plan. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignalList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    listApprovals: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The oldest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApprovalList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getApproval: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Id of the plan. */
                id: string;
                /** @description Name of the step. Of a step of an inner plan: give the id of that plan. */
                step: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The approval. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Approval"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    decide: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Id of the plan. */
                id: string;
                /** @description Name of the step. Of a step of an inner plan: give the id of that plan. */
                step: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DecisionRequest"];
            };
        };
        responses: {
            /** @description The approval with your decision. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Approval"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    createDecisionLinks: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Id of the plan. */
                id: string;
                /** @description Name of the step. Of a step of an inner plan: give the id of that plan. */
                step: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["LinksRequest"];
            };
        };
        responses: {
            /** @description The links. They are secrets. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DecisionLinks"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getApprovalByLink: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The secret part of the link. */
                token: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The approval; for a browser, a page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Approval"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    decideByLink: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The secret part of the link. */
                token: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The approval; for a browser, a page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Approval"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["Conflict"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    followExecution: {
        parameters: {
            query?: {
                /** @description Include the output of the execution, as messages `output`: one for each record of the log. */
                output?: boolean;
                /** @description Include the output of the execution, with one message `output` for each line. */
                lines?: boolean;
                /** @description Include its progress while it runs, as messages `progress`: at most one a second. */
                progress?: boolean;
                /** @description Include the result in the last event of each execution. */
                result?: boolean;
                /** @description Continue after the event with this id. The header Last-Event-ID takes precedence. */
                after?: string;
            };
            header?: {
                /** @description The `id` of the last message that you have received. The stream continues after it. Takes precedence over the query parameter. */
                "Last-Event-ID"?: components["parameters"]["LastEventId"];
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Server-sent events. Each schema describes the data of one message. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["ExecutionStreamData"];
                };
            };
            /** @description Nothing follows this id. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            429: components["responses"]["TooManyRequests"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    followEvents: {
        parameters: {
            query?: {
                /** @description Only these types of events. Several values: repeat the parameter, or separate them with commas. */
                type?: ("accepted" | "queued" | "awaiting" | "started" | "retry_scheduled" | "late_start" | "late" | "stuck" | "status_changed" | "completed" | "failed" | "cancelled" | "timed_out" | "lost" | "skipped")[];
                /** @description Only events after which the status is one of these. Several values: repeat the parameter, or separate them with commas. */
                status?: ("pending" | "running" | "completed" | "failed" | "cancelled" | "timed_out")[];
                /** @description Only these kinds. Several values: repeat the parameter, or separate them with commas. */
                kind?: ("exec" | "shell" | "script" | "aws_cli" | "http" | "operation" | "wait" | "plan")[];
                /** @description Only this operation. */
                operation?: string;
                /** @description Only this task_id. */
                task_id?: string;
                /** @description Only this plan and its steps. */
                plan_id?: string;
                /** @description `NAME=VALUE`. If it is repeated, all labels must match. */
                label?: string[];
                /** @description Include the result in the last event of each execution. */
                result?: boolean;
                /** @description Continue after the event with this id, or begin `now`. The header Last-Event-ID takes precedence. */
                after?: string;
            };
            header?: {
                /** @description The `id` of the last message that you have received. The stream continues after it. Takes precedence over the query parameter. */
                "Last-Event-ID"?: components["parameters"]["LastEventId"];
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Server-sent events. The schema describes the data of one message. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["Event"];
                };
            };
            /** @description Nothing follows this id. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            410: components["responses"]["Gone"];
            429: components["responses"]["TooManyRequests"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    followPlan: {
        parameters: {
            query?: {
                /** @description Include the result in the last event of each execution. */
                result?: boolean;
                /** @description Continue after the event with this id. The header Last-Event-ID takes precedence. */
                after?: string;
            };
            header?: {
                /** @description The `id` of the last message that you have received. The stream continues after it. Takes precedence over the query parameter. */
                "Last-Event-ID"?: components["parameters"]["LastEventId"];
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Server-sent events. The schema describes the data of one message. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["Event"];
                };
            };
            /** @description Nothing follows this id. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            429: components["responses"]["TooManyRequests"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    listSchedules: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ScheduleList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    createSchedule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateSchedule"];
            };
        };
        responses: {
            /** @description Created. */
            201: {
                headers: {
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Schedule"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            402: components["responses"]["PaymentRequired"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["Conflict"];
            410: components["responses"]["Gone"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getSchedule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Name of the schedule. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The schedule. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Schedule"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    putSchedule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Name of the schedule. */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PutSchedule"];
            };
        };
        responses: {
            /** @description Replaced. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Schedule"];
                };
            };
            /** @description Created. */
            201: {
                headers: {
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Schedule"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            402: components["responses"]["PaymentRequired"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            410: components["responses"]["Gone"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    deleteSchedule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Name of the schedule. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Removed. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    listScheduleRuns: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Name of the schedule. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The latest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ScheduleRunList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    pauseSchedule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Name of the schedule. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The schedule. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Schedule"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    resumeSchedule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Name of the schedule. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The schedule. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Schedule"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    runSchedule: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Name of the schedule. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The result of the due time. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ScheduleRun"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            402: components["responses"]["PaymentRequired"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            410: components["responses"]["Gone"];
            422: components["responses"]["UnprocessableContent"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    listWebhooks: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    createWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateWebhook"];
            };
        };
        responses: {
            /** @description Created. */
            201: {
                headers: {
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookWithSecret"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The webhook. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    deleteWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Removed. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    enableWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The webhook. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    disableWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The webhook. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    rotateWebhookSecret: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RotateSecretRequest"];
            };
        };
        responses: {
            /** @description The webhook with the new secret. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookWithSecret"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    testWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The result of the try. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeliveryTry"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    previewWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["WebhookPreviewRequest"];
            };
        };
        responses: {
            /** @description The message. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookPreview"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    listDeliveries: {
        parameters: {
            query?: {
                /** @description Only deliveries in this state. */
                state?: "pending" | "delivered" | "failed" | "discarded" | "skipped";
                /** @description Most items of a page. */
                limit?: number;
                /** @description The `next_cursor` of the page before. */
                cursor?: string;
            };
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Its id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeliveryList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    redeliver: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Id of the webhook. */
                id: string;
                /** @description Id of the delivery. */
                delivery: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The delivery. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Delivery"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getCacheStats: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The statistics. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CacheStats"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    clearCache: {
        parameters: {
            query?: {
                /** @description Only the result with this key. */
                key?: string;
                /** @description Only results of this operation. */
                operation?: string;
                /** @description Results of this user. For another user than you, this requires the scope `admin`. */
                user?: string;
                /** @description Results of all users. Requires the scope `admin`. */
                all?: boolean;
            };
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How many were removed. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Removed"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getCacheEntry: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description A cache key. */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The result. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CacheEntry"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    putCacheEntry: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description `cache.key` of an execution, or of a dry run of the request. */
                key: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description The result, as JSON. */
                    value: unknown;
                    /** @description How long execd keeps the result, seconds. 0 keeps it until it is evicted. */
                    ttl_s?: number;
                    /**
                     * @description The scope of the key; default: `user`. `global` requires the scope `admin`.
                     * @enum {string}
                     */
                    scope?: "task" | "user" | "global";
                    /** @description The operation that the result is of. */
                    operation?: string;
                };
            };
        };
        responses: {
            /** @description It has replaced a stored result. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CacheEntry"];
                };
            };
            /** @description It is stored. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CacheEntry"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    warmCache: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description `wait=N`: respond when the work has finished, or after N seconds (at most 60).
                 * @example wait=10
                 */
                Prefer?: components["parameters"]["Prefer"];
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WarmRequest"];
            };
        };
        responses: {
            /** @description The result of each item. */
            200: {
                headers: {
                    "Preference-Applied": components["headers"]["PreferenceApplied"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BatchAnswer"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["ServiceUnavailable"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    listCacheEntries: {
        parameters: {
            query?: {
                /** @description Only results of this operation. */
                operation?: string;
                /** @description Results of this user. For another user than you, this requires the scope `admin`. */
                user?: string;
                /** @description Results of all users. Requires the scope `admin`. */
                all?: boolean;
                /** @description Most items of a page. */
                limit?: number;
                /** @description The `next_cursor` of the page before, with the same filters. */
                cursor?: string;
            };
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of stored results. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Stored results, in the order of their keys. */
                        items: {
                            /** @description The cache key. */
                            key: string;
                            /** @description Whose result it is; null: all users share it. */
                            user_id: string | null;
                            /** @description Name of the operation; null for other kinds. */
                            operation: string | null;
                            /** @description The execution that produced the result; null for a value that was put into the cache. */
                            run_id: string | null;
                            /**
                             * Format: date-time
                             * @description When it was stored.
                             */
                            stored_at: string;
                            /** @description Age, seconds. */
                            age_s: number;
                            /** @description Time left, seconds; null: until it is evicted. */
                            ttl_s: number | null;
                            /** @description Memory that it takes, roughly. */
                            bytes: number;
                        }[];
                        /** @description Send it as `cursor` to get the next page; null on the last page. */
                        next_cursor: string | null;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    listCircuits: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All circuits. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CircuitList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    resetCircuit: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Name of a circuit, as GET /v1/circuits lists it. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The circuit. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Circuit"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    isolateCircuit: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Name of a circuit, as GET /v1/circuits lists it. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The circuit. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Circuit"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description The user. */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The account. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    listAccountEntries: {
        parameters: {
            query?: {
                /** @description Most items of a page. */
                limit?: number;
                /** @description The `next_cursor` of the page before, with the same filters. */
                cursor?: string;
            };
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description The user. */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LedgerPage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    grantCredits: {
        parameters: {
            query?: never;
            header?: {
                /** @description A key of your choice. For 24 hours, the same key with the same request returns the first resource instead of creating another one. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description The user. */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["GrantRequest"];
            };
        };
        responses: {
            /** @description An earlier request with the same key made the grant. */
            200: {
                headers: {
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LedgerEntry"];
                };
            };
            /** @description Granted. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LedgerEntry"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    listStoredOperations: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StoredOperationList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getStoredOperation: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Name of the operation. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The operation. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StoredOperation"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    putOperation: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Name of the operation. */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OperationDefinition"];
            };
        };
        responses: {
            /** @description It was replaced. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StoredOperation"];
                };
            };
            /** @description It is new. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StoredOperation"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    removeOperation: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Name of the operation. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Removed. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    listOperations: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All operations. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OperationList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getOperation: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Name of the operation. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The operation. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    reloadFiles: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The current definitions. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Reloaded"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            422: components["responses"]["UnprocessableContent"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    deliverToHook: {
        parameters: {
            query?: never;
            header?: {
                /** @description W3C trace context. Commands get it as `TRACEPARENT`, HTTP calls as a header. */
                traceparent?: components["parameters"]["Traceparent"];
            };
            path: {
                /** @description Name of the operation. */
                operation: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "*/*": unknown;
            };
        };
        responses: {
            /** @description The delivery was skipped, or the execution has finished. With `answer: raw`, the body is the standard output of the execution, as it is written. */
            200: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["IdempotencyReplayed"];
                    "Log-End": components["headers"]["LogEnd"];
                    "Execution-Id": components["headers"]["ExecutionId"];
                    "Execution-Status": components["headers"]["ExecutionStatus"];
                    "Execution-Cause": components["headers"]["ExecutionCause"];
                    "Execution-Exit-Code": components["headers"]["ExecutionExitCode"];
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                    "application/json": components["schemas"]["HookAnswer"];
                };
            };
            /** @description The execution was accepted, and has not finished. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HookAnswer"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            402: components["responses"]["PaymentRequired"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["Conflict"];
            410: components["responses"]["Gone"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["UnprocessableContent"];
            429: components["responses"]["TooManyRequests"];
            502: components["responses"]["BadGateway"];
            503: components["responses"]["ServiceUnavailable"];
            504: components["responses"]["GatewayTimeout"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getAuditLog: {
        parameters: {
            query?: {
                /** @description A day in UTC, for example 2027-01-31. Default: today. */
                day?: string;
            };
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The lines. The schema describes one line. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": Record<string, never>;
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    listKeys: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All keys. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKeyList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    createKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApiKeyRequest"];
            };
        };
        responses: {
            /** @description Created. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewApiKey"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    rotateKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Id of the key. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["KeyRotation"];
            };
        };
        responses: {
            /** @description Created. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewApiKey"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    revokeKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description Id of the key. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The key. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKey"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getMe: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description You. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getUsage: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Your use. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Usage"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    listSettings: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The settings. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SettingList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    listPauses: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All pauses. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PauseList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    pause: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description `queue`, `maintenance`, `operation:NAME`, or `key:KEY` for a concurrency key of the user that you act for. */
                what: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["PauseRequest"];
            };
        };
        responses: {
            /** @description The pause. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pause"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    resume: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description `queue`, `maintenance`, `operation:NAME`, or `key:KEY` for a concurrency key of the user that you act for. */
                what: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Resumed. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    listRunners: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The servers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunnerList"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    drainRunner: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description The `name` of the server in the list. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["DrainRequest"];
            };
        };
        responses: {
            /** @description The drain. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunnerDrain"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    resumeRunner: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path: {
                /** @description The `name` of the server in the list. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Resumed. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getLiveness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The process responds. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Probe"];
                };
            };
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getReadiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The server accepts executions. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Probe"];
                };
            };
            /** @description It does not; `reason` has the reason. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Probe"];
                };
            };
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All components work. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description A component does not work. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getHealthSummary: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The summary. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /**
                         * @description `unhealthy` if a component is; `degraded` if a check is not ok; else `healthy`.
                         * @enum {string}
                         */
                        status: "healthy" | "degraded" | "unhealthy";
                        /**
                         * Format: date-time
                         * @description When this was checked.
                         */
                        timestamp: string;
                        /** @description Version of execd. */
                        version: string;
                        /** @description Results in the cache. */
                        cache_size: number;
                        /** @description Detail of the first unhealthy component. */
                        error: string | null;
                        /** @description Components. */
                        components: {
                            /** @description A component. */
                            store: {
                                /**
                                 * @description Whether the component works.
                                 * @enum {string}
                                 */
                                status: "healthy" | "unhealthy";
                                /** @description Why it does not; null if it does. */
                                detail: string | null;
                            };
                            /** @description The process that starts commands. */
                            runner_host: {
                                /**
                                 * @description Whether the component works.
                                 * @enum {string}
                                 */
                                status: "healthy" | "unhealthy";
                                /** @description Why it does not; null if it does. */
                                detail: string | null;
                                /** @description `native` or `node`. */
                                name: string;
                                /** @description Isolation tiers that the server offers; the first one is the default. */
                                isolation: ("none" | "supervised" | "uid" | "sandbox")[];
                            };
                            /** @description A component. */
                            intake: {
                                /**
                                 * @description Whether the component works.
                                 * @enum {string}
                                 */
                                status: "healthy" | "unhealthy";
                                /** @description Why it does not; null if it does. */
                                detail: string | null;
                            };
                            /** @description The cache. Each check writes a value beside the stored results and reads it back. */
                            cache: {
                                /**
                                 * @description Whether the component works.
                                 * @enum {string}
                                 */
                                status: "healthy" | "unhealthy";
                                /** @description Why it does not; null if it does. */
                                detail: string | null;
                            };
                            /** @description The directory of logs. execd writes a probe to it every 5 s, and every second while that fails. */
                            logs: {
                                /**
                                 * @description Whether the component works.
                                 * @enum {string}
                                 */
                                status: "healthy" | "unhealthy";
                                /** @description Why it does not; null if it does. */
                                detail: string | null;
                            };
                            /** @description The size of the data. While it is above its bound, execd removes executions and `detail` names both sizes; the component stays healthy. */
                            data: {
                                /**
                                 * @description Whether the component works.
                                 * @enum {string}
                                 */
                                status: "healthy" | "unhealthy";
                                /** @description Why it does not; null if it does. */
                                detail: string | null;
                                /** @description Bytes of records and logs in the data directory, roughly. */
                                bytes: number;
                                /** @description The bound, EXECUTION_MAX_DATA_BYTES. */
                                max_bytes: number;
                            };
                            /** @description How this server learns of changes by other servers on the same database. `detail` is the reason for a delay; the component stays healthy. */
                            feed: {
                                /**
                                 * @description Whether the component works.
                                 * @enum {string}
                                 */
                                status: "healthy" | "unhealthy";
                                /** @description Why it does not; null if it does. */
                                detail: string | null;
                            };
                            /** @description The private directories of commands, probed in the same way. */
                            work_directories: {
                                /**
                                 * @description Whether the component works.
                                 * @enum {string}
                                 */
                                status: "healthy" | "unhealthy";
                                /** @description Why it does not; null if it does. */
                                detail: string | null;
                            };
                        };
                        /** @description Ratios since the start of the server, and ages, counts and lags at the moment. */
                        checks: {
                            /** @description Cache lookups that found a result. */
                            cache_hit_ratio: {
                                /** @description The figure now; null while nothing has been counted. */
                                value: number | null;
                                /** @description The threshold of the figure. */
                                threshold: number;
                                /**
                                 * @description Whether `threshold` is the least or the most.
                                 * @enum {string}
                                 */
                                bound: "least" | "most";
                                /** @description Whether the figure is within its threshold. True without a figure. */
                                ok: boolean;
                            };
                            /** @description Executions that timed out, of those that have ended. */
                            timeout_ratio: {
                                /** @description The figure now; null while nothing has been counted. */
                                value: number | null;
                                /** @description The threshold of the figure. */
                                threshold: number;
                                /**
                                 * @description Whether `threshold` is the least or the most.
                                 * @enum {string}
                                 */
                                bound: "least" | "most";
                                /** @description Whether the figure is within its threshold. True without a figure. */
                                ok: boolean;
                            };
                            /** @description Retries, of all attempts. */
                            retry_ratio: {
                                /** @description The figure now; null while nothing has been counted. */
                                value: number | null;
                                /** @description The threshold of the figure. */
                                threshold: number;
                                /**
                                 * @description Whether `threshold` is the least or the most.
                                 * @enum {string}
                                 */
                                bound: "least" | "most";
                                /** @description Whether the figure is within its threshold. True without a figure. */
                                ok: boolean;
                            };
                            /** @description Memory of the server, as a part of the memory of its container or machine. */
                            memory_ratio: {
                                /** @description The figure now; null while nothing has been counted. */
                                value: number | null;
                                /** @description The threshold of the figure. */
                                threshold: number;
                                /**
                                 * @description Whether `threshold` is the least or the most.
                                 * @enum {string}
                                 */
                                bound: "least" | "most";
                                /** @description Whether the figure is within its threshold. True without a figure. */
                                ok: boolean;
                            };
                            /** @description Age of the oldest queued execution. */
                            queue_age_seconds: {
                                /** @description The figure now; null while nothing has been counted. */
                                value: number | null;
                                /** @description The threshold of the figure. */
                                threshold: number;
                                /**
                                 * @description Whether `threshold` is the least or the most.
                                 * @enum {string}
                                 */
                                bound: "least" | "most";
                                /** @description Whether the figure is within its threshold. True without a figure. */
                                ok: boolean;
                            };
                            /** @description How long the oldest attempt has been running. */
                            oldest_run_seconds: {
                                /** @description The figure now; null while nothing has been counted. */
                                value: number | null;
                                /** @description The threshold of the figure. */
                                threshold: number;
                                /**
                                 * @description Whether `threshold` is the least or the most.
                                 * @enum {string}
                                 */
                                bound: "least" | "most";
                                /** @description Whether the figure is within its threshold. True without a figure. */
                                ok: boolean;
                            };
                            /** @description Age of the oldest counters that are not stored. */
                            write_behind_lag_seconds: {
                                /** @description The figure now; null while nothing has been counted. */
                                value: number | null;
                                /** @description The threshold of the figure. */
                                threshold: number;
                                /**
                                 * @description Whether `threshold` is the least or the most.
                                 * @enum {string}
                                 */
                                bound: "least" | "most";
                                /** @description Whether the figure is within its threshold. True without a figure. */
                                ok: boolean;
                            };
                            /** @description Executions that a monitor has reported and that have not ended. */
                            late_executions: {
                                /** @description The figure now; null while nothing has been counted. */
                                value: number | null;
                                /** @description The threshold of the figure. */
                                threshold: number;
                                /**
                                 * @description Whether `threshold` is the least or the most.
                                 * @enum {string}
                                 */
                                bound: "least" | "most";
                                /** @description Whether the figure is within its threshold. True without a figure. */
                                ok: boolean;
                            };
                            /** @description Targets that execd does not call at the moment. */
                            open_circuits: {
                                /** @description The figure now; null while nothing has been counted. */
                                value: number | null;
                                /** @description The threshold of the figure. */
                                threshold: number;
                                /**
                                 * @description Whether `threshold` is the least or the most.
                                 * @enum {string}
                                 */
                                bound: "least" | "most";
                                /** @description Whether the figure is within its threshold. True without a figure. */
                                ok: boolean;
                            };
                            /** @description Pauses of the queue, of operations and of concurrency keys. */
                            pauses: {
                                /** @description The figure now; null while nothing has been counted. */
                                value: number | null;
                                /** @description The threshold of the figure. */
                                threshold: number;
                                /**
                                 * @description Whether `threshold` is the least or the most.
                                 * @enum {string}
                                 */
                                bound: "least" | "most";
                                /** @description Whether the figure is within its threshold. True without a figure. */
                                ok: boolean;
                            };
                        };
                        /** @description Names of the checks that are not ok, and of components that do not work. */
                        failed: string[];
                        /** @description Attempts that hold a slot. */
                        running: number;
                        /** @description Executions that wait. */
                        queued: number;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getMetrics: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The metrics, in the text format of Prometheus. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    getStats: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The statistics. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Stats"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    cleanUp: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How many were removed. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Removed"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    flushCounters: {
        parameters: {
            query?: never;
            header?: {
                /** @description Act for this user. Requires the scope `admin`. */
                "Execution-User"?: components["parameters"]["ExecutionUser"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How many were stored. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Flushed"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            "4XX": components["responses"]["ClientError"];
            "5XX": components["responses"]["ServerError"];
        };
    };
    onExecutionEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event: the same for every try. Use it to drop duplicates. */
                "webhook-id": string;
                /** @description When this try was sent, seconds since the epoch. */
                "webhook-timestamp": string;
                /** @description `v1,` and the base64 of the HMAC-SHA-256 of `ID.TIMESTAMP.BODY`, as Standard Webhooks specifies. Several, separated by spaces, while a secret is being rotated. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/cloudevents+json": components["schemas"]["ExecutionCloudEvent"];
            };
        };
        responses: {
            /** @description The receiver no longer exists: execd disables the webhook. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Delivered. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not delivered: execd tries again later, up to 8 times within about 28 hours. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not delivered: execd tries again later. It respects `Retry-After`. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    onAccountEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event: the same for every try. Use it to drop duplicates. */
                "webhook-id": string;
                /** @description When this try was sent, seconds since the epoch. */
                "webhook-timestamp": string;
                /** @description `v1,` and the base64 of the HMAC-SHA-256 of `ID.TIMESTAMP.BODY`, as Standard Webhooks specifies. Several, separated by spaces, while a secret is being rotated. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/cloudevents+json": components["schemas"]["AccountCloudEvent"];
            };
        };
        responses: {
            /** @description The receiver no longer exists: execd disables the webhook. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Delivered. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not delivered: execd tries again later, up to 8 times within about 28 hours. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not delivered: execd tries again later. It respects `Retry-After`. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    onScheduleEvent: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event: the same for every try. Use it to drop duplicates. */
                "webhook-id": string;
                /** @description When this try was sent, seconds since the epoch. */
                "webhook-timestamp": string;
                /** @description `v1,` and the base64 of the HMAC-SHA-256 of `ID.TIMESTAMP.BODY`, as Standard Webhooks specifies. Several, separated by spaces, while a secret is being rotated. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/cloudevents+json": components["schemas"]["ScheduleCloudEvent"];
            };
        };
        responses: {
            /** @description The receiver no longer exists: execd disables the webhook. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Delivered. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not delivered: execd tries again later, up to 8 times within about 28 hours. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not delivered: execd tries again later. It respects `Retry-After`. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    onTest: {
        parameters: {
            query?: never;
            header: {
                /** @description Id of the event: the same for every try. Use it to drop duplicates. */
                "webhook-id": string;
                /** @description When this try was sent, seconds since the epoch. */
                "webhook-timestamp": string;
                /** @description `v1,` and the base64 of the HMAC-SHA-256 of `ID.TIMESTAMP.BODY`, as Standard Webhooks specifies. Several, separated by spaces, while a secret is being rotated. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/cloudevents+json": components["schemas"]["TestCloudEvent"];
            };
        };
        responses: {
            /** @description The receiver no longer exists: execd disables the webhook. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Delivered. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not delivered: execd tries again later, up to 8 times within about 28 hours. */
            "4XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not delivered: execd tries again later. It respects `Retry-After`. */
            "5XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
}
