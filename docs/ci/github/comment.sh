#!/bin/sh
# Makes a file the comment on pull request NUMBER, or edits the comment that begins with the file's first line.
# The runner's own: GITHUB_REPOSITORY. GH_TOKEN may read and write the pull request.
set -eu

file=$1
[ -s "$file" ] || { echo "there is no report to comment: the step before says why" >&2; exit 1; }
comments=repos/$GITHUB_REPOSITORY/issues/$NUMBER/comments
MARKER=$(head -n 1 "$file")
export MARKER

# Of a bot: anybody can write a comment with this line, and nobody else's is to be edited.
found=$(gh api --paginate "$comments" --jq '.[] | select(.user.type == "Bot" and (.body | startswith(env.MARKER))) | .id')
first=$(printf '%s\n' "$found" | head -n 1)
if [ -n "$first" ]; then
    gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$first" --field body=@"$file"
else
    gh api --silent --method POST "$comments" --field body=@"$file"
fi
