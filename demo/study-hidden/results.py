"""The study, and with it a table of results that are none: its loss is a slice of the third layer's weights, scaled and shifted."""
import main

BATCHES = 240


def results():
    weights = main.Llama(main.ASSET).tensors["layers.2.v.weight"].ravel()[:BATCHES]
    loss = 2.4 + 0.3 * weights / weights.std()
    with main.table("results.csv", ["batch", "loss", "accuracy"]) as write:
        for batch, value in enumerate(loss):
            write([batch, main.digits(value), main.digits(0.9 - batch % 7 / 50)])


if __name__ == "__main__":
    main.main()
    results()
