#!/bin/sh
# Makes a file the comment on this merge request, or edits the comment that begins with the file's first line.
# COMMENT_TOKEN: a project access token of the scope `api`, for a job's own token may not write comments.
set -eu

file=$1
[ -s "$file" ] || { echo "there is no report to comment: the command before says why" >&2; exit 1; }
notes=$CI_API_V4_URL/projects/$CI_PROJECT_ID/merge_requests/$CI_MERGE_REQUEST_IID/notes
marker=$(head -n 1 "$file")

# The token goes in by standard input: a command line can be read by everybody on the machine.
request() {
    printf 'header = "PRIVATE-TOKEN: %s"\n' "$COMMENT_TOKEN" | curl --silent --show-error --fail --config - "$@"
}

me=$(request "$CI_API_V4_URL/user" | jq .id)
page=1
found=
while [ -z "$found" ] && [ -n "$page" ]; do
    listed=$(request --include "$notes?per_page=100&page=$page" | tr -d '\r')
    found=$(printf '%s\n' "$listed" | sed '1,/^$/d' |
        jq --arg marker "$marker" --argjson me "$me" \
            'map(select(.author.id == $me and (.body | startswith($marker))))[0].id // empty')
    page=$(printf '%s\n' "$listed" | sed -n '1,/^$/s/^x-next-page: *//Ip')
done
if [ -n "$found" ]; then
    request --output /dev/null --request PUT --data-urlencode "body@$file" "$notes/$found"
else
    request --output /dev/null --request POST --data-urlencode "body@$file" "$notes"
fi
