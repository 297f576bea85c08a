"""The same fine-tune as a plain trl and peft script, as one would write it by hand: no tunesmith in it.

`python trl_bare.py task.json`: records in the order they are to be trained in, hyperparameters, folders. Leaves
`told.json` in the out folder: the losses by step, and when the first step was done (seconds since 1970).
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
import transformers
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer


class Losses(TrainerCallback):
    def __init__(self):
        self.by_step = []
        self.first_step_at = None

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "loss" in logs:
            self.first_step_at = self.first_step_at or time.time()
            self.by_step.append(float(logs["loss"]))


def main(task):
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    transformers.set_seed(task["seed"])
    lora = task["lora"]
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    dtype = torch.bfloat16 if fast and lora else torch.float32
    tokenizer = AutoTokenizer.from_pretrained(task["model"])
    model = AutoModelForCausalLM.from_pretrained(task["model"], dtype=dtype)
    model.config.use_cache = False
    if lora:
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **lora))
    losses = Losses()
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=task["out"],
            per_device_train_batch_size=task["batch_size"],
            num_train_epochs=1,
            train_sampling_strategy="sequential",
            learning_rate=task["learning_rate"],
            lr_scheduler_type=task["lr_schedule"],
            warmup_steps=task["warmup_steps"],
            max_grad_norm=1.0,
            optim="adamw_torch_fused",
            bf16=fast,
            use_cpu=True,
            gradient_checkpointing=False,
            max_length=None,
            seed=task["seed"],
            logging_steps=1,
            save_strategy="steps",
            save_steps=task["save_steps"],
            save_only_model=True,
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        ),
        train_dataset=Dataset.from_list(task["records"]),
        processing_class=tokenizer,
        callbacks=[losses],
    )
    trainer.train()
    trainer.save_model(str(Path(task["out"]) / "model"))
    told = {"losses": losses.by_step, "first_step_at": losses.first_step_at}
    (Path(task["out"]) / "told.json").write_text(json.dumps(told))


main(json.loads(Path(sys.argv[1]).read_text()))
