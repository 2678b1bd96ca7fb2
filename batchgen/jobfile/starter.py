"""The job file that ``batchgen init`` writes."""

from __future__ import annotations

STARTER = """\
# yaml-language-server: $schema=.batchgen.schema.json
# (That line lets editors complete and check this file: batchgen schema > .batchgen.schema.json)
#
# batchgen check FILE              shows what would be made, and sends nothing
# batchgen FILE --simulate         tries everything with simulated clips, at no cost
# DMXAPI_API_KEY=... batchgen FILE makes the clips, and pays for them

output: output                  # the folder for clips, manifest and ledger, relative to this file

limits:
  in_flight: 50                 # tasks at the service at once
  submits_per_minute: 20        # null: no limit of ours

# budget:                       # spending ends here; prices as your provider charges them
#   currency: CNY
#   prices: {MiniMax-Hailuo-2.3: {768P: {6: 2.00, 10: 4.00}, 1080P: {6: 3.50}}}
#   total: {cost: 500}          # this folder, all runs; also per_day, per_run; {clips: 200} needs no prices

defaults:                       # for every job that does not say otherwise
  model: MiniMax-Hailuo-2.3     # or MiniMax-Hailuo-02
  duration: 6                   # seconds; 10 is possible at 768P
  resolution: 768P              # or 1080P

jobs:
  - id: book                    # the clip is book.mp4; without an id, the name is made from the request
    prompt: "A man picks up a book [Pedestal up], then reads [Static shot]."

  - id: fox
    prompt: "一只狐狸在雪地里奔跑 [跟随]，停下来回头看 [推进]"
    metadata: {season: winter}  # comes back in the manifest; never sent

#  - id: "{animal}"             # every combination of the lists: four clips, horse-768P and so on
#    prompt: "A {animal} runs through snow [Tracking shot]."
#    matrix: {animal: [horse, wolf], resolution: [768P, 1080P]}

#  - from: prompts.csv           # a row a job (.csv .tsv .jsonl .txt .parquet); its columns fill {names}
#    prompt: "{caption}, cinematic [Push in]"
#    id: "{image_id|slug}"

# Put prompts in double quotes, or below `prompt: >-` when they are long. Camera commands, in [brackets]:
#   左移 Truck left    右移 Truck right   左摇 Pan left   右摇 Pan right   推进 Push in
#   拉远 Pull out      上升 Pedestal up   下降 Pedestal down   上摇 Tilt up   下摇 Tilt down
#   变焦推近 Zoom in   变焦拉远 Zoom out  晃动 Shake      跟随 Tracking shot   固定 Static shot
"""
