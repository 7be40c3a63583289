"""Time and quality of our t-SNE and of scikit-learn's default, on the codes of finished runs."""

from functools import partial
from pathlib import Path

from measure import parser, report, timed
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from aevae.files.layout import SweepPaths
from aevae.files.schema import open_results
from analysis.maths.embedding import NEIGHBOURS, Layout, embed, neighbour_ranks


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--sweep", type=Path, default=Path("runs/quickstart"))
    options.add_argument("--points", type=int, default=10_000)
    arguments = options.parse_args()
    rows = []
    for paths in SweepPaths(arguments.sweep).planned():
        with open_results(paths) as results:
            codes = results.array("test/mu")[: arguments.points]
        if codes.shape[1] <= 2:
            continue
        ours, ours_s = timed(partial(embed, codes))
        with threadpool_limits(1):
            placed, default_s = timed(partial(TSNE(random_state=0).fit_transform, codes))
        default = Layout(placed, *neighbour_ranks(codes, placed))
        rows.append(
            {
                "run": paths.run_id,
                "ours, s": ours_s,
                "default, s": default_s,
                "ours over default": ours_s / default_s,
                "kept by ours": ours.tsne.preservation,
                "kept by default": default.preservation,
            }
        )
        print(rows[-1], flush=True)
    title = f"t-SNE of {arguments.points:,} test codes; kept: share of {NEIGHBOURS} neighbours"
    report(f"{title} (ours scores itself and its PCA in its time)", rows, arguments.json)


if __name__ == "__main__":
    main()
